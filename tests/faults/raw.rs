//! Calls below a gRPC client, which would end them by itself.

use std::{fmt, net::SocketAddr, time::Duration};

use h2::{
    SendStream,
    client::{Builder, ResponseFuture, SendRequest},
};
use prost::{
    Message,
    bytes::{BufMut as _, Bytes, BytesMut},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinHandle,
    time::{Instant, timeout},
};
use tonic::{Code, Status};

const CONNECT: Duration = Duration::from_secs(10);

/// An HTTP/2 connection that ends when the value is dropped.
pub struct Raw {
    client: SendRequest<Bytes>,
    running: JoinHandle<()>,
    authorization: Option<String>,
}

/// How a call has ended, and when.
pub struct Ended {
    /// None: without a gRPC status.
    pub code: Option<Code>,
    pub message: String,
    pub took: Duration,
}

impl fmt::Display for Ended {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let took = self.took.as_secs_f64();
        match self.code {
            Some(code) => write!(out, "{code:?} after {took:.1} s: {}", self.message),
            None => write!(out, "no status after {took:.1} s: {}", self.message),
        }
    }
}

impl Raw {
    /// With this window for each response, and the default one for the connection.
    pub async fn connect(address: SocketAddr, window: u32) -> Result<Self, String> {
        let connect = async {
            let socket = TcpStream::connect(address).await.map_err(|it| it.to_string())?;
            Self::over(socket, window).await
        };
        timeout(CONNECT, connect).await.map_err(|it| it.to_string())?
    }

    /// Over an existing connection.
    pub async fn over(
        socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        window: u32,
    ) -> Result<Self, String> {
        let mut builder = Builder::new();
        let handshake = builder.initial_window_size(window).handshake(socket);
        let (client, connection) = handshake.await.map_err(|it| it.to_string())?;
        let running = tokio::spawn(async move { drop(connection.await) });
        Ok(Self { client, running, authorization: None })
    }

    /// Authenticates the following calls.
    pub fn show(mut self, authorization: &str) -> Self {
        self.authorization = Some(authorization.to_owned());
        self
    }

    /// Waits until the other side closes it.
    pub async fn closed(mut self) {
        let _ = (&mut self.running).await;
    }

    /// Begins a call and sends a part of its message, or all of it.
    pub async fn begin(
        &mut self,
        path: &str,
        deadline: Option<&str>,
        frame: Bytes,
        is_whole: bool,
    ) -> Result<(ResponseFuture, SendStream<Bytes>), h2::Error> {
        let mut request = http::Request::post(format!("http://server/throughline.v1.{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        if let Some(deadline) = deadline {
            request = request.header("grpc-timeout", deadline);
        }
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        self.client = self.client.clone().ready().await?;
        let (answer, mut stream) = self.client.send_request(request.body(()).unwrap(), false)?;
        stream.send_data(frame, is_whole)?;
        Ok((answer, stream))
    }

    /// Makes a call, and reads its response.
    pub async fn call(
        &mut self,
        path: &str,
        deadline: Option<&str>,
        message: &impl Message,
    ) -> Ended {
        let begun = Instant::now();
        let status = self.exchange(path, deadline, message).await;
        let took = begun.elapsed();
        match status {
            Ok(Some(it)) => Ended { code: Some(it.code()), message: it.message().to_owned(), took },
            Ok(None) => Ended { code: None, message: "no status".to_owned(), took },
            Err(error) => Ended { code: None, message: error.to_string(), took },
        }
    }

    async fn exchange(
        &mut self,
        path: &str,
        deadline: Option<&str>,
        message: &impl Message,
    ) -> Result<Option<Status>, h2::Error> {
        let (answer, _stream) = self.begin(path, deadline, frame(message), true).await?;
        let answer = answer.await?;
        if let Some(status) = Status::from_header_map(answer.headers()) {
            return Ok(Some(status));
        }
        let mut body = answer.into_body();
        while let Some(part) = body.data().await {
            body.flow_control().release_capacity(part?.len())?;
        }
        Ok(Status::from_header_map(&body.trailers().await?.unwrap_or_default()))
    }
}

/// A message with its gRPC prefix.
pub fn frame(message: &impl Message) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.encoded_len()).unwrap());
    message.encode(&mut frame).unwrap();
    frame.freeze()
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.running.abort();
    }
}
