//! Calls below the level of a gRPC client: raw frames.

use std::net::SocketAddr;

use prost::bytes::Bytes;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::Status;

use super::canary::scan;

/// The result of a call.
#[derive(Debug)]
pub enum Answer {
    /// The status of gRPC, from the trailers, and the bytes of the body.
    Status(Box<Status>, Vec<u8>),
    /// A status of HTTP that is not 200.
    Http(u16),
    /// The stream or the connection ended without a response.
    Reset,
}

impl Answer {
    pub fn status(&self) -> &Status {
        match self {
            Answer::Status(status, _) => status,
            other => panic!("no status of gRPC: {other:?}"),
        }
    }
}

/// A message after its prefix of five bytes: whether it is compressed, and its length.
pub fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap();
    prefixed(0, length, message)
}

/// A frame with the given prefix.
pub fn prefixed(compressed: u8, length: u32, message: &[u8]) -> Vec<u8> {
    let mut frame = vec![compressed];
    frame.extend(length.to_be_bytes());
    frame.extend(message);
    frame
}

/// Sends a body to a path over a separate connection, with additional headers.
pub async fn call(
    address: SocketAddr,
    path: &str,
    headers: &[(&'static str, &str)],
    body: Vec<u8>,
) -> Answer {
    if let Some((_, message)) = body.split_at_checked(5) {
        scan().sent(path, message);
    }
    let socket = TcpStream::connect(address).await.unwrap();
    let (client, connection) = h2::client::handshake(socket).await.unwrap();
    let connection = tokio::spawn(connection);
    let answer = exchange(client, address, path, headers, body).await;
    connection.abort();
    let answer = answer.unwrap_or(Answer::Reset);
    if let Answer::Status(status, _) = &answer {
        scan().answered(path, status);
    }
    answer
}

async fn exchange(
    client: h2::client::SendRequest<Bytes>,
    address: SocketAddr,
    path: &str,
    headers: &[(&'static str, &str)],
    body: Vec<u8>,
) -> Result<Answer, h2::Error> {
    let mut client = client.ready().await?;
    let mut request = http::Request::post(format!("http://{address}{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (response, mut stream) = client.send_request(request.body(()).unwrap(), false)?;
    // A server that has already answered may refuse the rest.
    let _ = stream.send_data(Bytes::from(body), true);

    let response = response.await?;
    if response.status() != http::StatusCode::OK {
        return Ok(Answer::Http(response.status().as_u16()));
    }
    if let Some(status) = Status::from_header_map(response.headers()) {
        return Ok(Answer::Status(Box::new(status), Vec::new()));
    }
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    while let Some(part) = body.data().await {
        let part = part?;
        body.flow_control().release_capacity(part.len())?;
        bytes.extend(part);
    }
    let trailers = body.trailers().await?.unwrap_or_default();
    match Status::from_header_map(&trailers) {
        Some(status) => Ok(Answer::Status(Box::new(status), bytes)),
        None => Ok(Answer::Reset),
    }
}

/// An HTTP/1.1 response that ends its connection: its status and its text.
pub async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// Sends a call as a browser does, over HTTP/1.1 with gRPC-Web, with additional header lines;
/// returns the whole response as a text.
pub async fn browse(address: SocketAddr, path: &str, headers: &str, message: &[u8]) -> String {
    scan().sent(path, message);
    let body = frame(message);
    let usual = "content-type: application/grpc-web+proto\r\nx-grpc-web: 1\r\n";
    let length = body.len();
    exchange_http1(
        address,
        "POST",
        path,
        &format!("{usual}content-length: {length}\r\n{headers}"),
        &body,
    )
    .await
}

/// Sends a preflight request as a browser does.
pub async fn preflight(address: SocketAddr, path: &str, origin: &str) -> String {
    let headers = format!(
        "origin: {origin}\r\naccess-control-request-method: POST\r\n\
         access-control-request-headers: authorization,x-grpc-web\r\n"
    );
    exchange_http1(address, "OPTIONS", path, &headers, &[]).await
}

async fn exchange_http1(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> String {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\n{headers}connection: close\r\n\r\n"
    );
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}
