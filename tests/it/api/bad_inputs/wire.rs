//! Numbers 1 to 17, and 78: bytes that a gRPC client would not send.

use flate2::{Compress, Compression, FlushCompress};
use prost::Message as _;
use throughline::pb;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::Code;

use super::{case::wrong_reason, world::record};
use crate::support::{
    Database, RowCounter, Server, on_both,
    wire::{Answer, call, frame, prefixed},
};

pub const NUMBERS: &[u16] = &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 78];

const RECORD: &str = "/throughline.v1.TimelineService/RecordEntry";
const IDENTIFY: &str = "/throughline.v1.CustomerService/IdentifyCustomer";

/// Field 1 of IdentifyCustomerRequest, an identifier, and its contents.
const IDENTIFIERS: u8 = 0x0a;
const VALUE: u8 = 0x1a;

/// What a case sends.
struct Sent {
    number: u16,
    what: &'static str,
    path: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    body: Vec<u8>,
    code: Code,
    reason: &'static str,
}

fn sent(number: u16, what: &'static str, body: Vec<u8>) -> Sent {
    let (code, reason) = (Code::InvalidArgument, "MALFORMED");
    Sent { number, what, path: IDENTIFY, headers: Vec::new(), body, code, reason }
}

impl Sent {
    fn refused(self, code: Code, reason: &'static str) -> Self {
        Self { code, reason, ..self }
    }

    fn too_large(self) -> Self {
        self.refused(Code::ResourceExhausted, "MESSAGE_TOO_LARGE")
    }

    fn unimplemented(self) -> Self {
        self.refused(Code::Unimplemented, "UNIMPLEMENTED")
    }

    fn to(self, path: &'static str) -> Self {
        Self { path, ..self }
    }

    fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }
}

fn messages() -> Vec<Sent> {
    let good = record().encode_to_vec();
    let cut = good[..good.len() - 3].to_vec();
    let garbage: Vec<u8> = (0..200_u32).map(|it| (it * 151 % 256) as u8 | 0x80).collect();
    let invalid_utf8 = [IDENTIFIERS, 5, VALUE, 3, b'a', 0xff, b'b'];
    let surrogate = [IDENTIFIERS, 5, VALUE, 3, 0xed, 0xa0, 0x80];
    // Only groups can be nested without end here: field 15, start and end.
    let nested: Vec<u8> = [[0x7b; 101], [0x7c; 101]].concat();
    let long_varint = [&[0x78][..], &[0xff; 10], &[0x01]].concat();
    let two = [frame(&good), frame(&good)].concat();
    let second_cut = [frame(&good), prefixed(0, 50, b"x")].concat();
    vec![
        sent(1, "random bytes", frame(&garbage)),
        sent(2, "a message cut short", frame(&cut)).to(RECORD),
        sent(2, "a frame cut short", prefixed(0, 500, &good)).to(RECORD),
        sent(2, "half a prefix", vec![0, 0, 0]),
        sent(2, "no frame at all", Vec::new()),
        sent(3, "a text that is not UTF-8", frame(&invalid_utf8)),
        sent(78, "half of a surrogate pair", frame(&surrogate)),
        sent(4, "nested 101 deep", frame(&nested)),
        sent(5, "a number of 11 bytes", frame(&long_varint)),
        sent(10, "two messages", two).to(RECORD),
        sent(10, "a message and a broken one", second_cut).to(RECORD),
        sent(17, "the flag 7", prefixed(7, 0, b"")),
        sent(17, "compressed in no way that was told", prefixed(1, 3, b"abc")),
    ]
}

fn sizes() -> Vec<Sent> {
    const LIMIT: usize = 4 << 20;
    // An unknown field next to the profile: padding that no rule applies to.
    let filled = |length: usize| {
        let mut message = vec![0x7a];
        prost::encoding::encode_varint(length as u64 - 5, &mut message);
        message.resize(length, b'x');
        message
    };
    let one_too_many = filled(LIMIT + 1);
    vec![
        sent(6, "3 GiB by the prefix", prefixed(0, 3 << 30, b"abc")).too_large(),
        sent(6, "3 GiB compressed", prefixed(1, 3 << 30, b"abc"))
            .header("grpc-encoding", "gzip")
            .too_large(),
        sent(7, "4 MiB + 1", frame(&one_too_many)).too_large(),
        sent(8, "1 GiB in 1 MiB of gzip", gzip_bomb()).header("grpc-encoding", "gzip").too_large(),
    ]
}

fn headers() -> Vec<Sent> {
    let good = frame(&record().encode_to_vec());
    let timeout = |value| {
        let case = sent(13, value, good.clone()).to(RECORD).header("grpc-timeout", value);
        case.refused(Code::InvalidArgument, "BAD_DEADLINE")
    };
    vec![
        sent(9, "compressed by br", prefixed(1, 3, b"abc"))
            .header("grpc-encoding", "br")
            .unimplemented(),
        sent(11, "an unknown method", good.clone())
            .to("/throughline.v1.TimelineService/DeleteEverything")
            .unimplemented(),
        sent(11, "an unknown service", good.clone())
            .to("/throughline.v9.Nothing/Do")
            .unimplemented(),
        sent(11, "no method", good.clone()).to("/").unimplemented(),
        timeout("zzz"),
        timeout("-1S"),
        timeout("99999999H"),
        timeout("123456789S"),
        timeout("5"),
        timeout("S"),
        timeout("1.5S"),
        sent(14, "a deadline of no time", good.clone())
            .to(RECORD)
            .header("grpc-timeout", "0n")
            .refused(Code::DeadlineExceeded, "DEADLINE_PASSED"),
    ]
}

/// 1 GiB of zeros in about 1 MiB. A part that ends at a full flush is self-contained, so that one
/// is compressed and repeated. The checksum at the end is omitted: whoever gets there has
/// decompressed everything.
fn gzip_bomb() -> Vec<u8> {
    let zeros = vec![0; 1 << 20];
    let mut part = Vec::with_capacity(1 << 16);
    let mut compress = Compress::new(Compression::best(), false);
    compress.compress_vec(&zeros, &mut part, FlushCompress::Full).unwrap();
    assert_eq!(compress.total_in(), 1 << 20);
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    for _ in 0..1024 {
        gzip.extend(&part);
    }
    assert!(gzip.len() < 3 << 20, "{} bytes", gzip.len());
    prefixed(1, gzip.len().try_into().unwrap(), &gzip)
}

async fn check(database: &Database, cases: Vec<Sent>) {
    let server = Server::start(database).await;
    let mut rows = RowCounter::of(database).await;
    let mut before = rows.count().await;
    let mut faults = Vec::new();
    for case in cases {
        let mut wrong = Vec::new();
        match call(server.address, case.path, &case.headers, case.body).await {
            Answer::Status(status, body) => {
                if status.code() != case.code {
                    wrong.push(format!("{:?} instead of {:?}", status.code(), case.code));
                }
                wrong.extend(wrong_reason(&status, case.reason));
                if !body.is_empty() {
                    wrong.push(format!("{} bytes of an answer", body.len()));
                }
                if !wrong.is_empty() {
                    wrong.push(format!("said: {}", status.message()));
                }
            }
            other => wrong.push(format!("{other:?}")),
        }
        if rows.count().await != before {
            wrong.push("was stored".to_owned());
            before = rows.count().await;
        }
        if !wrong.is_empty() {
            faults.push(format!("{} {}: {}", case.number, case.what, wrong.join("; ")));
        }
    }
    server.stop().await;
    assert!(faults.is_empty(), "{} cases:\n{}\n", faults.len(), faults.join("\n"));
}

#[tokio::test]
async fn broken_messages_are_refused() {
    on_both(async |database| check(database, messages()).await).await;
}

#[tokio::test]
async fn large_messages_are_refused() {
    on_both(async |database| check(database, sizes()).await).await;
}

#[tokio::test]
async fn broken_headers_are_refused() {
    on_both(async |database| check(database, headers()).await).await;
}

#[tokio::test]
async fn number_12_metadata_of_64_kib_is_refused() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let mut rows = RowCounter::of(database).await;
        let before = rows.count().await;
        let large = "x".repeat(64 * 1024);
        let body = frame(&record().encode_to_vec());
        match call(server.address, RECORD, &[("x-large", &large)], body).await {
            Answer::Status(status, _) => assert_eq!(status.code(), Code::ResourceExhausted),
            Answer::Http(status) => assert_eq!(status, 431),
            Answer::Reset => {}
        }
        assert_eq!(rows.count().await, before);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn number_15_unknown_fields_are_accepted() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let mut message = record().encode_to_vec();
        // Field 900 as a number, field 901 as bytes.
        prost::encoding::uint64::encode(900, &7, &mut message);
        prost::encoding::string::encode(901, &"from a newer client".to_owned(), &mut message);
        let answer = call(server.address, RECORD, &[], frame(&message)).await;
        assert_eq!(answer.status().code(), Code::Ok, "{answer:?}");
        let Answer::Status(_, body) = answer else { unreachable!() };
        let recorded = pb::RecordEntryResponse::decode(&body[5..]).unwrap();
        assert!(!recorded.entry_id.is_empty());
        server.stop().await;
    })
    .await;
}

/// Without TLS, a connection that does not speak HTTP is closed, and the next call is served; with
/// TLS, see `cli::tls`.
#[tokio::test]
async fn number_16_what_is_not_http_is_cut_off() {
    on_both(async |database| {
        let mut server = Server::start(database).await;
        for bytes in [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 no TLS here"[..], &[0xff; 64]]
        {
            let mut socket = TcpStream::connect(server.address).await.unwrap();
            socket.write_all(bytes).await.unwrap();
            let mut answer = Vec::new();
            // Ends when the server closes the connection.
            let _ = socket.read_to_end(&mut answer).await;
            assert!(!String::from_utf8_lossy(&answer).contains(" 200 "));
        }
        server.timeline.record_entry(record()).await.unwrap();
        server.stop().await;
    })
    .await;
}
