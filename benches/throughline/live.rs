//! Watching: how long an entry takes from the call that records it to the watches, with and without
//! other watches that do not read, and how much memory the server needs for those.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use throughline::{
    clock::Clock,
    pb::{
        self, timeline_service_client::TimelineServiceClient, watch_timeline_request::Watched,
        watch_timeline_response::Event,
    },
};
use tonic::{
    Streaming,
    transport::{Channel, Endpoint},
};

use crate::{Plan, load::scatter, table};

/// Watches that read, each of another customer.
const READING: usize = 180;
/// Watches that do not read, of other customers.
const STUCK: usize = 20;
/// How many entries are queued for each of those, and how long their texts are.
const WAITING: usize = 1000;
const TEXT_BYTES: usize = 2000;
const WRITERS: u64 = 8;
/// The interval of each writer. Nine in ten entries are of customers whose watch reads.
const EACH: Duration = Duration::from_millis(20);
const ROUNDS: usize = 5;

type Client = TimelineServiceClient<Channel>;
type Events = Streaming<pb::WatchTimelineResponse>;

/// A server in a process of its own.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start(url: &str) -> anyhow::Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_throughline"));
        command.args(["serve", "--database", url, "--listen", "127.0.0.1:0"]);
        // A stuck watch must stay stuck for a whole round.
        command.args(["--watch-send-timeout-ms", "600000"]);
        command.args(["--log-format", "json"]).stderr(Stdio::piped());
        let mut process = command.spawn()?;
        let log = BufReader::new(process.stderr.take().context("no standard error")?);
        let mut lines = log.lines();
        let address = loop {
            let line = lines.next().context("the server ended")??;
            let event: serde_json::Value = serde_json::from_str(&line)?;
            if let Some(address) = event["address"].as_str() {
                break address.parse()?;
            }
        };
        // A server whose log is not read stops.
        std::thread::spawn(move || lines.count());
        Ok(Self { process, address })
    }

    async fn connect(&self) -> anyhow::Result<Client> {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address))?;
        Ok(TimelineServiceClient::new(endpoint.tcp_nodelay(true).connect().await?))
    }

    /// Its memory in MiB.
    fn memory(&self) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()).context("no VmRSS")?;
        Ok(kib.parse::<f64>()? / 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has no data worth keeping.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An entry of a customer, which tells when it was sent.
fn entry(customer: usize, sent: Duration, text: String) -> pb::RecordEntryRequest {
    let account = pb::Identifier {
        kind: pb::IdentifierKind::Account.into(),
        value: format!("customer-{customer}"),
        ..Default::default()
    };
    pb::RecordEntryRequest {
        identifiers: vec![account],
        entry: Some(pb::Entry {
            occurred_at: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 }),
            channel: pb::Channel::Chat.into(),
            agent: sent.as_micros().to_string(),
            content: Some(pb::entry::Content::Note(pb::Note { text })),
            ..Default::default()
        }),
        request_id: Clock::System.new_id().to_string(),
        ..Default::default()
    }
}

/// A watch of a customer from a revision on, on a connection of its own.
async fn watch(server: &Server, customer: usize, after: Option<i64>) -> anyhow::Result<Events> {
    let watched = entry(customer, Duration::ZERO, String::new()).identifiers.remove(0);
    let request = pb::WatchTimelineRequest {
        watched: Some(Watched::Identifier(watched)),
        after_revision: after,
        ..Default::default()
    };
    Ok(server.connect().await?.watch_timeline(request).await?.into_inner())
}

/// The measurements of each server over several rounds.
struct Shown {
    times: Vec<Vec<Duration>>,
    memory: f64,
}

/// All rounds, in turns with and without the stuck ones.
pub async fn measure(name: &str, url: &str, servers: usize, plan: Plan) -> anyhow::Result<()> {
    let servers: Vec<Server> =
        (0..servers).map(|_| Server::start(url)).collect::<anyhow::Result<_>>()?;
    let mut client = servers[0].connect().await?;
    for customer in 0..READING + STUCK {
        client.record_entry(entry(customer, Duration::ZERO, "first".to_owned())).await?;
    }
    for customer in READING..READING + STUCK {
        for _ in 0..WAITING / 100 {
            let text = || "x".repeat(TEXT_BYTES);
            let requests = (0..100).map(|_| entry(customer, Duration::ZERO, text())).collect();
            client.batch_record_entries(pb::BatchRecordEntriesRequest { requests }).await?;
        }
    }
    let mut shown =
        [false, true].map(|_| Shown { times: vec![Vec::new(); servers.len()], memory: 0.0 });
    for turn in 0..ROUNDS {
        for (beside, shown) in shown.iter_mut().enumerate() {
            let mut stuck = Vec::new();
            for customer in (READING..READING + STUCK).take(beside * STUCK) {
                stuck.push(watch(&servers[customer % servers.len()], customer, Some(0)).await?);
            }
            let times = round(&servers, plan.time).await?;
            for (all, new) in shown.times.iter_mut().zip(times) {
                all.extend(new);
            }
            // Later, the allocator still holds what the stuck watches needed before.
            if turn == 0 || beside == 1 {
                for server in &servers {
                    shown.memory = shown.memory.max(server.memory()?);
                }
            }
            drop(stuck);
        }
    }
    let [alone, beside] = &mut shown;
    let mut rows = Vec::new();
    for server in 0..servers.len() {
        let which = match servers.len() {
            1 => String::new(),
            _ => [" on the server that writes", " on another server"][server].to_owned(),
        };
        let (alone, beside) = (&mut alone.times[server], &mut beside.times[server]);
        let before = at(alone, 0.99);
        for (what, times) in [("alone", alone), ("beside the stuck", beside)] {
            rows.push(vec![
                format!("{what}{which}"),
                times.len().to_string(),
                millis(at(times, 0.5)),
                millis(at(times, 0.99)),
                millis(at(times, 1.0)),
                format!("{:.2}", at(times, 0.99).as_secs_f64() / before.as_secs_f64()),
            ]);
        }
    }
    let title = format!("From a call to a watch, {name}: {READING} who read, {STUCK} stuck");
    let heads = ["", "entries", "p50", "p99", "worst", "ratio of p99"];
    table::print(&title, &heads, &rows);
    let waiting = (STUCK * WAITING * TEXT_BYTES) as f64 / f64::from(1 << 20);
    println!(
        "The most a server held in memory: {:.0} MiB alone, {:.0} MiB with {waiting:.0} MiB \
         waiting for the stuck ones.",
        alone.memory, beside.memory
    );
    Ok(())
}

/// Writes to all customers for this long; returns how long each entry took to the readers, by
/// server.
async fn round(servers: &[Server], time: Duration) -> anyhow::Result<Vec<Vec<Duration>>> {
    let begin = Instant::now();
    let is_over = Arc::new(AtomicBool::new(false));
    let times: Arc<Mutex<Vec<Vec<Duration>>>> =
        Arc::new(Mutex::new(vec![Vec::new(); servers.len()]));
    let mut readers = Vec::new();
    for customer in 0..READING {
        let server = customer % servers.len();
        let mut events = watch(&servers[server], customer, None).await?;
        // The first event shows that the watch has started.
        events.message().await?;
        let times = Arc::clone(&times);
        readers.push(tokio::spawn(async move {
            while let Ok(Some(event)) = events.message().await {
                let Some(Event::Entry(entry)) = event.event else { continue };
                let Ok(sent) = entry.agent.parse() else { continue };
                let took = begin.elapsed().saturating_sub(Duration::from_micros(sent));
                if let Ok(mut times) = times.lock() {
                    times[server].push(took);
                }
            }
        }));
    }
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let mut client = servers[0].connect().await?;
        let is_over = Arc::clone(&is_over);
        writers.push(tokio::spawn(async move {
            let mut ticks = tokio::time::interval(EACH);
            for n in 0_u64.. {
                ticks.tick().await;
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                let customer = scatter(writer << 32 | n) % (READING + STUCK) as u64;
                let text = "It is on its way.".to_owned();
                client.record_entry(entry(customer as usize, begin.elapsed(), text)).await?;
            }
            anyhow::Ok(())
        }));
    }
    tokio::time::sleep(time).await;
    is_over.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await??;
    }
    // The last entries get time to arrive.
    tokio::time::sleep(Duration::from_secs(1)).await;
    for reader in &readers {
        reader.abort();
    }
    let mut times = times.lock().map_err(|_| anyhow::anyhow!("a watch has failed"))?;
    Ok(std::mem::take(&mut *times))
}

/// The time that this share of all does not exceed.
fn at(times: &mut [Duration], share: f64) -> Duration {
    times.sort_unstable();
    let last = times.len().saturating_sub(1);
    times.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
