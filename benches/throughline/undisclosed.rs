//! Whether the time of a response reveals that a customer exists: calls by identifiers of customers
//! who are not disclosed to the caller, compared with calls by unknown identifiers, one by one in
//! random order.

use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use throughline::{
    clock::Clock,
    config::read_callers,
    model::{Identifier, IdentifierKind, Origin, Profile},
    pb::{self, get_briefing_request, list_cases_request, list_timeline_request},
    server::Settings,
    store::Store,
};
use tonic::{
    Code, Request,
    client::Grpc,
    codegen::http::uri::PathAndQuery,
    transport::{Channel, Endpoint},
};
use tonic_prost::ProstCodec;

use crate::{
    Plan,
    load::{Unread, scatter},
    table,
    world::{Served, analyze, settings},
};

const LIST: &str = "/throughline.v1.TimelineService/ListTimeline";
const CASES: &str = "/throughline.v1.CaseService/ListCases";
const BRIEFING: &str = "/throughline.v1.TimelineService/GetBriefing";
/// How many customers exist; as many identifiers are unknown.
const PEOPLE: u64 = 2000;
/// What is disclosed to each caller for an unverified identifier.
const CALLERS: [&str; 3] = ["nothing", "open_cases", "everything"];

/// The times of the calls about unknown and about existing customers.
type Times = [Vec<Duration>; 2];

/// Compares the two kinds of calls. The last caller is a control: the customer is disclosed to it,
/// so that the times must differ.
pub async fn compare(name: &str, url: &str, plan: Plan) -> anyhow::Result<()> {
    let store = Store::open(url, 8, Clock::System).await?;
    for n in 0..PEOPLE {
        store.identify(vec![email(n)], Profile::default(), Origin::default()).await?;
    }
    analyze(url).await?;
    let callers = read_callers("callers.toml", &callers()).map_err(|problems| {
        anyhow::anyhow!("the callers of the benchmark cannot be read: {problems}")
    })?;
    let served = Served::start(store, Settings { callers, ..settings() }).await?;
    let endpoint = Endpoint::from_shared(format!("http://{}", served.address))?.tcp_nodelay(true);
    let channel = endpoint.connect().await?;
    let mut rows = Vec::new();
    for (call, caller) in [
        (LIST, "nothing"),
        (CASES, "nothing"),
        (BRIEFING, "nothing"),
        (CASES, "open_cases"),
        (BRIEFING, "open_cases"),
        (BRIEFING, "everything"),
    ] {
        rows.push(row(call, caller, measure(&channel, call, caller, plan.time).await?));
    }
    served.close().await;
    let heads = ["", "nobody, p50", "somebody, p50", "ratio", "told apart"];
    table::print(&format!("Calls about whom the caller is not shown, on {name}"), &heads, &rows);
    println!("told apart: how often somebody takes longer than nobody; by chance 0.50");
    Ok(())
}

fn callers() -> String {
    let caller = |shown: &&str| {
        let hash: [u8; 32] = Sha256::digest(shown).into();
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        format!(
            "[[caller]]\nname = '{shown}'\nroles = 'agent'\nunverified = '{shown}'\n\
             token_sha256 = '{hash}'\npurpose = 'service'\n"
        )
    };
    CALLERS.iter().map(caller).collect()
}

/// The n-th address; those from [`PEOPLE`] on are unknown.
fn address(n: u64) -> String {
    format!("person{n:05}@example.net")
}

fn email(n: u64) -> Identifier {
    Identifier {
        kind: IdentifierKind::Email,
        namespace: String::new(),
        value: address(n),
        raw: address(n),
        mixed_script: false,
        verified: false,
    }
}

async fn measure(
    channel: &Channel,
    call: &'static str,
    caller: &str,
    time: Duration,
) -> anyhow::Result<Times> {
    let mut times: Times = Default::default();
    let warm = Instant::now() + time / 4;
    let mut n = 0;
    loop {
        let started = Instant::now();
        if started > warm + time {
            return Ok(times);
        }
        n += 1;
        let random = scatter(n);
        let is_there = random & 1 == 0;
        let which = (random >> 1) % PEOPLE + if is_there { 0 } else { PEOPLE };
        let started = Instant::now();
        let found = ask(channel, call, caller, address(which)).await?;
        if started > warm {
            times[usize::from(is_there)].push(started.elapsed());
        }
        anyhow::ensure!(found == (is_there && caller == "everything"), "{call} as {caller}");
    }
}

/// Whether a call finds a customer.
async fn ask(
    channel: &Channel,
    call: &'static str,
    caller: &str,
    value: String,
) -> anyhow::Result<bool> {
    let kind = pb::IdentifierKind::Email.into();
    let identifier = pb::Identifier { kind, value, ..Default::default() };
    match call {
        LIST => {
            let customer = Some(list_timeline_request::Customer::Identifier(identifier));
            let message = pb::ListTimelineRequest { customer, ..Default::default() };
            send(channel, call, caller, message).await
        }
        CASES => {
            let whose = Some(list_cases_request::Of::Identifier(identifier));
            let message = pb::ListCasesRequest { of: whose, ..Default::default() };
            send(channel, call, caller, message).await
        }
        _ => {
            let customer = Some(get_briefing_request::Customer::Identifier(identifier));
            let message = pb::GetBriefingRequest { customer, ..Default::default() };
            send(channel, call, caller, message).await
        }
    }
}

async fn send<R: prost::Message + Default + Send + Sync + 'static>(
    channel: &Channel,
    call: &'static str,
    caller: &str,
    message: R,
) -> anyhow::Result<bool> {
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await?;
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {caller}").parse()?);
    let codec: ProstCodec<R, Unread> = ProstCodec::default();
    match grpc.unary(request, PathAndQuery::from_static(call), codec).await {
        Ok(_) => Ok(true),
        Err(status) if status.code() == Code::NotFound => Ok(false),
        Err(status) => Err(status.into()),
    }
}

fn row(call: &str, caller: &str, times: Times) -> Vec<String> {
    let told = told_apart(&times);
    let [nobody, somebody] = times.map(|mut times| {
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default().as_secs_f64() * 1e6
    });
    let name = call.rsplit('/').next().unwrap_or_default();
    let control = if caller == "everything" { " (control)" } else { "" };
    vec![
        format!("{name}, unverified shows {caller}{control}"),
        format!("{nobody:.0} us"),
        format!("{somebody:.0} us"),
        format!("{:.3}", somebody / nobody),
        format!("{told:.3}"),
    ]
}

/// How often a call of the second kind takes longer than one of the first: the Mann-Whitney
/// statistic (1947) over the number of pairs.
fn told_apart([nobody, somebody]: &Times) -> f64 {
    let mut all: Vec<(Duration, bool)> = nobody.iter().map(|time| (*time, false)).collect();
    all.extend(somebody.iter().map(|time| (*time, true)));
    all.sort_unstable();
    let (mut below, mut longer) = (0_u64, 0_u64);
    for (_, is_there) in all {
        if is_there {
            longer += below;
        } else {
            below += 1;
        }
    }
    longer as f64 / (nobody.len() as f64 * somebody.len() as f64)
}
