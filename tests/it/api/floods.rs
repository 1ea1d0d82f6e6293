//! Connections that use HTTP/2 correctly but maliciously: each is closed, and others are served.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    calls::account,
    support::{Server, on_both},
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

const PROTOCOL_ERROR: u32 = 1;
const FRAME_SIZE_ERROR: u32 = 6;
const ENHANCE_YOUR_CALM: u32 = 11;

/// A call in the static table of HPACK: POST, http, the path and the authority.
const CALL: &[u8] = b"\x83\x86\x04\x02/x\x41\x01a";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Sends a preface and frames until the server ends the connection; returns the code.
async fn ended(address: SocketAddr, frames: impl Fn(u32) -> Vec<u8>) -> Option<u32> {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.set_nodelay(true).unwrap();
    let (mut reader, mut writer) = socket.split();
    let write = async {
        let mut bytes = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
        // Enough for any limit; then it waits for the server's answer.
        for number in 0..20_000 {
            bytes.extend(frames(2 * number + 1));
            if bytes.len() > 1 << 16 || number == 19_999 {
                if writer.write_all(&bytes).await.is_err() {
                    return;
                }
                bytes.clear();
            }
        }
    };
    let read = async {
        let mut heard = Vec::new();
        let mut part = [0; 1 << 14];
        // What came before a reset counts.
        while let Ok(length @ 1..) = reader.read(&mut part).await {
            heard.extend_from_slice(&part[..length]);
        }
        heard
    };
    let ((), heard) = tokio::join!(write, read);
    let mut rest = &heard[..];
    let mut code = None;
    while let Some((head, behind)) = rest.split_at_checked(9) {
        let length = usize::from(head[1]) << 8 | usize::from(head[2]);
        let Some((payload, behind)) = behind.split_at_checked(length) else { break };
        if head[3] == GOAWAY {
            code = Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
        }
        rest = behind;
    }
    code
}

#[tokio::test]
async fn floods_of_frames_end_their_connection_and_no_other() {
    on_both(async |database| {
        let server = Server::start(database).await;
        // CVE-2023-44487: calls that are cancelled before they are processed.
        let taken_back = |stream| {
            let reset = frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
            [frame(HEADERS, END_HEADERS, stream, CALL), reset].concat()
        };
        assert_eq!(ended(server.address, taken_back).await, Some(ENHANCE_YOUR_CALM));
        // CVE-2025-8671: calls that the server resets because of client errors.
        let faulty = |stream| {
            // The stream's window exceeds the limit.
            let window = frame(WINDOW_UPDATE, 0, stream, &(u32::MAX >> 1).to_be_bytes());
            [frame(HEADERS, END_HEADERS, stream, CALL), window].concat()
        };
        assert_eq!(ended(server.address, faulty).await, Some(ENHANCE_YOUR_CALM));
        // CVE-2024-27316: headers that never end.
        let endless = |stream| match stream {
            1 => frame(HEADERS, 0, 1, CALL),
            _ => frame(CONTINUATION, 0, 1, b"\x00\x01x\x01y"),
        };
        assert_eq!(ended(server.address, endless).await, Some(ENHANCE_YOUR_CALM));
        let large = |_| frame(DATA, 0, 1, &[0; (16 << 10) + 1]);
        assert_eq!(ended(server.address, large).await, Some(FRAME_SIZE_ERROR));
        let nobodys = |_| frame(DATA, 0, 1, b"x");
        assert_eq!(ended(server.address, nobodys).await, Some(PROTOCOL_ERROR));
        server.identified(vec![account("anna")]).await;
        server.stop().await;
    })
    .await;
}
