//! Callers over real gRPC, and what they measure.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use prost::{
    DecodeError, Message,
    bytes::{Buf, BufMut},
    encoding::{self, DecodeContext, WireType},
};
use tonic::{
    client::Grpc,
    codegen::http::uri::PathAndQuery,
    transport::{Channel, Endpoint},
};
use tonic_prost::ProstCodec;

/// How many callers share a connection.
const CALLERS_A_CONNECTION: usize = 8;

/// What a number of callers achieved.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    pub calls_a_second: f64,
    pub p50: Duration,
    pub p99: Duration,
}

/// A response that is received but not decoded, so that the client costs little: it shares the
/// machine with the server.
#[derive(Clone, Debug, Default)]
pub struct Unread;

impl Message for Unread {
    fn encode_raw(&self, _: &mut impl BufMut) {}

    fn encoded_len(&self) -> usize {
        0
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        encoding::skip_field(wire_type, tag, buf, ctx)
    }

    fn clear(&mut self) {}
}

/// Calls `path` with what `request` returns for the n-th call, for the given time.
pub async fn run<R: Message + Default + Send + 'static>(
    address: SocketAddr,
    path: &'static str,
    callers: usize,
    time: Duration,
    request: impl Fn(u64) -> R + Send + Sync + 'static,
) -> anyhow::Result<Measured> {
    let request = Arc::new(request);
    let mut channels = Vec::new();
    for _ in 0..callers.div_ceil(CALLERS_A_CONNECTION) {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true);
        channels.push(endpoint.connect().await?);
    }
    // Connections, plans and caches are warm before anything counts.
    let warm = Instant::now() + time / 4;
    let end = warm + time;
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let channel = channels[caller % channels.len()].clone();
            let request = Arc::clone(&request);
            tokio::spawn(call_until(channel, path, caller as u64, warm, end, request))
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    times.sort_unstable();
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied();
    Ok(Measured {
        calls_a_second: times.len() as f64 / time.as_secs_f64(),
        p50: at(0.5).unwrap_or_default(),
        p99: at(0.99).unwrap_or_default(),
    })
}

async fn call_until<R: Message + Default + Send + 'static>(
    channel: Channel,
    path: &'static str,
    caller: u64,
    warm: Instant,
    end: Instant,
    request: Arc<impl Fn(u64) -> R>,
) -> anyhow::Result<Vec<Duration>> {
    let mut grpc = Grpc::new(channel);
    let mut times = Vec::new();
    let mut n = caller << 32;
    loop {
        let started = Instant::now();
        if started > end {
            return Ok(times);
        }
        grpc.ready().await?;
        let message = tonic::Request::new(request(n));
        let codec: ProstCodec<R, Unread> = ProstCodec::default();
        grpc.unary(message, PathAndQuery::from_static(path), codec).await?;
        if started > warm {
            times.push(started.elapsed());
        }
        n += 1;
    }
}

/// A pseudo-random number that is the same in each run.
pub fn scatter(n: u64) -> u64 {
    // The finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
