//! Messages that lack their last byte, that arrive late, or that are larger when decompressed.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use throughline::{api::budget::BudgetLimits, server::Settings};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{NARROW, RECORD, SHORT, assert_too_many_bytes, bounded, heads, per_connection, record};
use crate::{
    blocked::BlockedWrites,
    calls::{account, by, note},
    support::{
        Server, on_both,
        raw::{RawCall, RawConnection},
        wire::prefixed,
    },
};

const CALLS: usize = 20;
const MESSAGE_BYTES: usize = 200 << 10;
/// Three messages do not fit into this.
const ROOM: usize = 3 * MESSAGE_BYTES - (10 << 10);

/// A call that lacks its last byte, and that byte.
async fn unfinished(connection: &mut RawConnection, bytes: usize) -> (RawCall, u8) {
    let mut body = record(bytes);
    let last = body.pop().unwrap();
    (connection.call(RECORD, &[], body, false).await, last)
}

#[tokio::test]
async fn messages_that_lack_a_byte_hold_no_more_than_they_may_and_no_place() {
    on_both(async |database| {
        let settings = Settings { max_calls: 3, ..bounded(per_connection(ROOM)) };
        let server = Server::start_with(database, settings).await;
        let mut connection = RawConnection::open(server.address, NARROW).await;
        let mut begun = Vec::new();
        for _ in 0..CALLS {
            begun.push(unfinished(&mut connection, MESSAGE_BYTES).await);
        }
        // There is capacity for what the first ones announce.
        let refused = begun.split_off(3).into_iter().map(|(call, _)| call).collect();
        let (answered, refused) = heads(refused).await;
        assert!(answered.is_empty());
        refused.iter().for_each(|status| assert_too_many_bytes(status, "this connection"));
        // The capacity is released for others, and for themselves when they complete.
        server.recorded(by(vec![account("bob")], note("x"))).await;
        for (mut call, last) in begun {
            call.finish(vec![last]);
            let answer = call.answer().await.unwrap();
            assert!(answer.refusal.is_none(), "{:?}", answer.refusal);
            answer.take().await;
        }
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn without_a_bound_all_that_is_announced_is_held() {
    on_both(async |database| {
        let server = Server::start_with(database, bounded(BudgetLimits::NONE)).await;
        let mut connection = RawConnection::open(server.address, NARROW).await;
        let mut begun = Vec::new();
        for _ in 0..CALLS {
            begun.push(unfinished(&mut connection, MESSAGE_BYTES).await);
        }
        let finished = begun.into_iter().map(|(mut call, last)| {
            call.finish(vec![last]);
            call
        });
        let (answered, refused) = heads(finished.collect()).await;
        assert_eq!((answered.len(), refused.len()), (CALLS, 0));
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_message_that_does_not_come_in_time_is_given_up() {
    on_both(async |database| {
        let mut settings = bounded(per_connection(ROOM));
        settings.traffic.receive_timeout = SHORT;
        let server = Server::start_with(database, settings.clone()).await;
        let mut connection = RawConnection::open(server.address, NARROW).await;
        for bytes in [MESSAGE_BYTES, 100] {
            // Whatever the previous calls held is released.
            for _ in 0..4 {
                let (call, _last) = unfinished(&mut connection, bytes).await;
                let status = call.answer().await.unwrap().refusal.unwrap();
                assert_eq!((status.code(), &*reason(&status)), (Code::Unavailable, "SLOW_SENDER"));
                assert!(status.get_error_details().retry_info().is_some());
            }
        }
        server.stop().await;

        // The deadline of the call goes first.
        settings.traffic.receive_timeout = super::ENDLESS;
        let server = Server::start_with(database, settings).await;
        let mut connection = RawConnection::open(server.address, NARROW).await;
        let mut body = record(100);
        body.pop();
        let call = connection.call(RECORD, &[("grpc-timeout", "50m")], body, false).await;
        let status = call.answer().await.unwrap().refusal.unwrap();
        assert_eq!(reason(&status), "DEADLINE_PASSED");
        server.stop().await;
    })
    .await;
}

/// The decompressed size counts.
#[tokio::test]
async fn a_compressed_message_counts_as_what_it_becomes() {
    on_both(async |database| {
        for (limits, refusals) in [(per_connection(ROOM), CALLS - 3), (BudgetLimits::NONE, 0)] {
            let server = Server::start_with(database, bounded(limits)).await;
            let blocked = BlockedWrites::of(database).await;
            let mut connection = RawConnection::open(server.address, NARROW).await;
            let mut calls = Vec::new();
            for _ in 0..CALLS {
                let body = compressed(&record(MESSAGE_BYTES)[5..]);
                assert!(body.len() < 1 << 10);
                let gzip = [("grpc-encoding", "gzip")];
                calls.push(connection.call(RECORD, &gzip, body, true).await);
            }
            let shed = if refusals == 0 { Vec::new() } else { calls.split_off(3) };
            let (answered, shed) = heads(shed).await;
            assert_eq!((answered.len(), shed.len()), (0, refusals));
            shed.iter().for_each(|status| assert_too_many_bytes(status, "this connection"));
            blocked.release().await;
            let (answered, refused) = heads(calls).await;
            assert_eq!((answered.len(), refused.len()), (CALLS - refusals, 0));
            server.stop().await;
        }
    })
    .await;
}

fn reason(status: &Status) -> String {
    status.get_error_details().error_info().unwrap().reason.clone()
}

fn compressed(message: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(message).unwrap();
    let gzip = encoder.finish().unwrap();
    prefixed(1, gzip.len().try_into().unwrap(), &gzip)
}
