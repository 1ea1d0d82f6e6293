//! An HTTP/2 connection whose client sends and reads no more than it is told.

use std::net::SocketAddr;

use h2::client::{Builder, ResponseFuture, SendRequest};
use prost::bytes::Bytes;
use tokio::{net::TcpStream, task::JoinHandle};
use tonic::Status;

use super::canary::scan;

/// A connection to a server.
pub struct RawConnection {
    address: SocketAddr,
    client: SendRequest<Bytes>,
    driver: JoinHandle<Result<(), h2::Error>>,
}

/// A call that has begun.
pub struct RawCall {
    answer: ResponseFuture,
    request: h2::SendStream<Bytes>,
}

/// The head of a response.
pub struct RawAnswer {
    /// The error of a refused call.
    pub refusal: Option<Status>,
    pub body: h2::RecvStream,
}

impl RawConnection {
    /// A connection that accepts this many bytes of a response, and more only as they are released.
    pub async fn open(address: SocketAddr, window: u32) -> Self {
        let socket = TcpStream::connect(address).await.unwrap();
        let mut settings = Builder::new();
        settings.initial_window_size(window).initial_connection_window_size(1 << 30);
        let (client, connection) = settings.handshake(socket).await.unwrap();
        Self { address, client, driver: tokio::spawn(connection) }
    }

    /// Begins a call, and sends a part of its body.
    pub async fn call(
        &mut self,
        path: &str,
        headers: &[(&'static str, &str)],
        body: Vec<u8>,
        is_whole: bool,
    ) -> RawCall {
        if let Some((_, message)) = body.split_at_checked(5) {
            scan().sent(path, message);
        }
        let mut client = self.client.clone().ready().await.unwrap();
        let mut request = http::Request::post(format!("http://{}{path}", self.address))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            request.headers_mut().unwrap().insert(*name, value.parse().unwrap());
        }
        let (answer, mut request) = client.send_request(request.body(()).unwrap(), false).unwrap();
        request.send_data(body.into(), is_whole).unwrap();
        RawCall { answer, request }
    }

    /// Waits until the server has closed the connection.
    pub async fn ended(self) {
        // How it ended depends on what was under way.
        let _ = self.driver.await.unwrap();
    }
}

impl RawCall {
    /// Sends the rest of the body.
    pub fn finish(&mut self, rest: Vec<u8>) {
        self.request.send_data(rest.into(), true).unwrap();
    }

    /// The head of the response, once it arrives.
    pub async fn answer(self) -> Result<RawAnswer, h2::Error> {
        let response = self.answer.await?;
        let refusal = Status::from_header_map(response.headers());
        Ok(RawAnswer { refusal, body: response.into_body() })
    }
}

impl RawAnswer {
    /// Reads the whole body; returns its size, and its status.
    pub async fn take_status(mut self) -> (usize, Status) {
        let bytes = self.take_body().await;
        let trailers = self.body.trailers().await.unwrap().unwrap();
        (bytes, Status::from_header_map(&trailers).unwrap())
    }

    /// Reads the whole body; returns its size.
    pub async fn take(mut self) -> usize {
        self.take_body().await
    }

    async fn take_body(&mut self) -> usize {
        let mut bytes = 0;
        while let Some(part) = self.body.data().await {
            let length = part.unwrap().len();
            self.body.flow_control().release_capacity(length).unwrap();
            bytes += length;
        }
        bytes
    }
}
