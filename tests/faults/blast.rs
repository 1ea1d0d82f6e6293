//! Sends calls at a fixed rate, whatever the answers, from one core.

use std::{cell::RefCell, collections::BTreeMap, net::SocketAddr, rc::Rc, thread, time::Duration};

use h2::client::{Builder, SendRequest};
use prost::bytes::Bytes;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use throughline::{
    clock::Clock,
    pb::{self, Channel, IdentifierKind, entry::Content, get_briefing_request},
};
use tokio::{
    net::TcpStream,
    runtime,
    sync::oneshot,
    task::{JoinSet, LocalSet},
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tonic::{Code, Status};

use crate::raw::frame;

/// The cores of the server and of the load.
pub const SERVER_CORE: usize = 0;
pub const LOAD_CORE: usize = 1;
/// How often calls are sent.
const TICK: Duration = Duration::from_millis(1);
/// The deadline of a write: the server's own; afterwards no answer is counted.
const DEADLINE: &str = "5S";
const PATIENCE: Duration = Duration::from_secs(6);
/// The deadline of the agents' reads, which go on alongside the writes.
const READ_DEADLINE: &str = "3S";
const READ_PATIENCE: Duration = Duration::from_secs(3);
const READS_PER_SECOND: usize = 100;
const READ_CONNECTIONS: usize = 10;
/// The number of customers that are written to.
const CUSTOMERS: usize = 997;
const WINDOW: u32 = 1 << 20;
const RECORD: &str = "http://server/throughline.v1.TimelineService/RecordEntry";
const BRIEFING: &str = "http://server/throughline.v1.TimelineService/GetBriefing";

/// How calls are made.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// A constant number of writes under way.
    Closed { under_way: usize },
    /// A constant rate of writes, whatever the answers.
    Open { per_second: usize },
}

/// What to do, and for how long.
#[derive(Clone, Debug)]
pub struct Blast {
    pub address: SocketAddr,
    /// The source of the entries: unique to this blast.
    pub tag: String,
    pub connections: usize,
    pub pace: Pace,
    pub time: Duration,
    /// The customer whose briefing the agents read.
    pub customer_id: String,
}

/// The results of a blast.
#[derive(Debug, Default)]
pub struct Came {
    pub asked: usize,
    /// Writes by the code of their answer; None if none arrived in time.
    pub writes: BTreeMap<Option<i32>, usize>,
    /// Reads within their deadline, and all reads.
    pub reads: (usize, usize),
}

impl Came {
    pub fn done(&self) -> usize {
        self.writes.get(&Some(Code::Ok as i32)).copied().unwrap_or_default()
    }
}

/// The cores that this thread may use.
pub fn cores() -> CpuSet {
    sched_getaffinity(None).unwrap()
}

/// Pins this thread, and its children, to some cores.
pub fn keep_to_all(cores: &CpuSet) {
    sched_setaffinity(None, cores).unwrap();
}

/// Pins this thread, and its children, to one core.
pub fn keep_to(core: usize) {
    let mut cores = CpuSet::new();
    cores.set(core);
    keep_to_all(&cores);
}

/// Runs in its own thread, on the core of the load.
fn in_a_thread<T: Send + 'static, W: Future<Output = T>>(
    work: impl FnOnce() -> W + Send + 'static,
) -> oneshot::Receiver<T> {
    let (done, came) = oneshot::channel();
    thread::spawn(move || {
        keep_to(LOAD_CORE);
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _ = done.send(LocalSet::new().block_on(&runtime, work()));
    });
    came
}

impl Blast {
    /// Writes and reads in separate threads: reads do not wait for the writes of the load itself.
    pub async fn run(self) -> Came {
        let blast = self.clone();
        let reads = in_a_thread(|| read(blast));
        let writes = in_a_thread(|| self.writes());
        let (reads, writes) = (reads.await, writes.await);
        Came { reads: reads.expect("the reads end"), ..writes.expect("the writes end") }
    }

    async fn writes(self) -> Came {
        let came = Rc::new(RefCell::new(Came::default()));
        match self.pace {
            Pace::Open { per_second } => self.open(per_second, &came).await,
            Pace::Closed { under_way } => self.closed(under_way, &came).await,
        }
        came.take()
    }

    async fn open(&self, per_second: usize, came: &Rc<RefCell<Came>>) {
        let connections = connect(self.address, self.connections).await;
        let mut calls = JoinSet::new();
        let (begun, mut sent) = (Instant::now(), 0);
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while begun.elapsed() < self.time {
            tick.tick().await;
            let due = (begun.elapsed().as_secs_f64() * per_second as f64) as usize;
            for number in sent..due {
                let client = connections[number % connections.len()].clone();
                calls.spawn_local(write(client, self.frame(number), Rc::clone(came)));
            }
            sent = sent.max(due);
            while calls.try_join_next().is_some() {}
        }
        calls.join_all().await;
        came.borrow_mut().asked = sent;
    }

    async fn closed(&self, under_way: usize, came: &Rc<RefCell<Came>>) {
        let connections = connect(self.address, self.connections).await;
        let mut callers = JoinSet::new();
        for caller in 0..under_way {
            let client = connections[caller % connections.len()].clone();
            let (blast, came, begun) = (self.clone(), Rc::clone(came), Instant::now());
            callers.spawn_local(async move {
                let mut number = caller;
                while begun.elapsed() < blast.time {
                    write(client.clone(), blast.frame(number), Rc::clone(&came)).await;
                    number += under_way;
                    came.borrow_mut().asked += 1;
                }
            });
        }
        callers.join_all().await;
    }

    /// The bytes of one write.
    fn frame(&self, number: usize) -> Bytes {
        let account = pb::Identifier {
            kind: IdentifierKind::Account.into(),
            value: format!("customer-{}", number % CUSTOMERS),
            ..Default::default()
        };
        let text = format!("note {number}");
        let entry = pb::Entry {
            occurred_at: Some(pb::timestamp(Clock::System.now())),
            channel: Channel::Phone.into(),
            source: self.tag.clone(),
            source_ref: number.to_string(),
            content: Some(Content::Note(pb::Note { text })),
            ..Default::default()
        };
        let identifiers = vec![account];
        frame(&pb::RecordEntryRequest { identifiers, entry: Some(entry), ..Default::default() })
    }
}

async fn connect(address: SocketAddr, count: usize) -> Vec<SendRequest<Bytes>> {
    let mut connections = Vec::new();
    for _ in 0..count {
        let socket = TcpStream::connect(address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        let mut builder = Builder::new();
        builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW);
        let (client, connection) = builder.handshake(socket).await.unwrap();
        tokio::task::spawn_local(async move { drop(connection.await) });
        connections.push(client);
    }
    connections
}

/// Makes one write, and counts it by the code of its answer.
async fn write(client: SendRequest<Bytes>, frame: Bytes, came: Rc<RefCell<Came>>) {
    let answer = timeout(PATIENCE, call(client, RECORD, DEADLINE, frame)).await;
    let code = answer.ok().and_then(Result::ok).flatten();
    *came.borrow_mut().writes.entry(code).or_default() += 1;
}

/// The agents' reads: the number within their deadline, and the total.
async fn read(blast: Blast) -> (usize, usize) {
    let connections = connect(blast.address, READ_CONNECTIONS).await;
    let customer = Some(get_briefing_request::Customer::CustomerId(blast.customer_id));
    let frame = frame(&pb::GetBriefingRequest { customer, ..Default::default() });
    let mut reads = JoinSet::new();
    let mut tick = interval(Duration::from_secs(1) / READS_PER_SECOND as u32);
    let (begun, mut number) = (Instant::now(), 0);
    while begun.elapsed() < blast.time {
        tick.tick().await;
        number += 1;
        let client = connections[number % READ_CONNECTIONS].clone();
        let frame = frame.clone();
        reads.spawn_local(async move {
            let answer = timeout(READ_PATIENCE, call(client, BRIEFING, READ_DEADLINE, frame)).await;
            let code = answer.ok().and_then(Result::ok).flatten();
            code == Some(Code::Ok as i32)
        });
    }
    let answered = reads.join_all().await;
    (answered.iter().filter(|is_in_time| **is_in_time).count(), answered.len())
}

/// The code of an answer.
async fn call(
    client: SendRequest<Bytes>,
    path: &str,
    deadline: &str,
    frame: Bytes,
) -> Result<Option<i32>, h2::Error> {
    let mut client = client.ready().await?;
    let request = http::Request::post(path)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-timeout", deadline);
    let (answer, mut stream) = client.send_request(request.body(()).unwrap(), false)?;
    stream.send_data(frame, true)?;
    let answer = answer.await?;
    if let Some(status) = Status::from_header_map(answer.headers()) {
        return Ok(Some(status.code() as i32));
    }
    let mut body = answer.into_body();
    while let Some(part) = body.data().await {
        body.flow_control().release_capacity(part?.len())?;
    }
    let trailers = body.trailers().await?.unwrap_or_default();
    Ok(Status::from_header_map(&trailers).map(|status| status.code() as i32))
}
