//! A caller's connection, as bytes.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};
use tokio_rustls::server::TlsStream;

use crate::{
    api::{
        caller::{Certificate, Peer},
        connection::{ConnectionPermit, Gathering},
    },
    server::{serving::Transport, socket::Socket},
};

/// An accepted connection, and its permit, which is released when it ends.
pub struct Connection {
    stream: Stream,
    permit: ConnectionPermit,
    /// Nothing is read until this has elapsed.
    pause: Option<(Pin<Box<Sleep>>, Gathering)>,
}

enum Stream {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

impl Connection {
    pub(super) fn plain(stream: Socket, permit: ConnectionPermit) -> Self {
        Self { stream: Stream::Plain(stream), permit, pause: None }
    }

    pub(super) fn secure(stream: TlsStream<Socket>, permit: ConnectionPermit) -> Self {
        Self { stream: Stream::Tls(Box::new(stream)), permit, pause: None }
    }
}

impl Transport for Connection {
    fn peer(&self) -> Peer {
        let chain = match &self.stream {
            Stream::Plain(_) => None,
            Stream::Tls(stream) => stream.get_ref().1.peer_certificates(),
        };
        let certificate = chain.and_then(|chain| chain.first());
        Peer {
            certificate: certificate.map(|der| Arc::new(Certificate::of(der))),
            connection: self.permit.connection().clone(),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some((pause, _)) = &mut self.pause {
            ready!(pause.as_mut().poll(context));
            self.pause = None;
        }
        let read = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(context, into),
            Stream::Tls(stream) => Pin::new(stream).poll_read(context, into),
        };
        if read.is_pending() && self.permit.connection().is_refused_often() {
            // Everything received has been answered.
            let gathering = Gathering::begin();
            let mut pause = Box::pin(sleep(Gathering::time()));
            // The pause has just begun.
            let _ = pause.as_mut().poll(context);
            self.pause = Some((pause, gathering));
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(context),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(context, parts),
            Stream::Tls(stream) => Pin::new(stream).poll_write_vectored(context, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
        time::{Instant, advance},
    };

    use std::time::Duration;

    use super::*;
    use crate::{
        api::connection::{Admission, ConnectionLimits},
        metrics::ConnectionMetrics,
        server::socket::WRITE_TIMEOUT,
    };

    /// A client, and its connection.
    async fn connected() -> (TcpStream, Connection) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let caller = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, from) = listener.accept().await.unwrap();
        let limits = ConnectionLimits { authenticated: 1, per_caller: 1, unauthenticated: 1 };
        let permit = Admission::new(limits, ConnectionMetrics::default()).admit(from.ip());
        (caller, Connection::plain(Socket::new(stream, WRITE_TIMEOUT), permit))
    }

    /// How long a byte takes that is sent after the connection has been found empty.
    async fn latency(caller: &mut TcpStream, connection: &mut Connection) -> Duration {
        let begun = Instant::now();
        let mut byte = [0];
        let mut read = Box::pin(connection.read_exact(&mut byte));
        assert!((&mut read).now_or_never().is_none());
        caller.write_all(&[1]).await.unwrap();
        read.await.unwrap();
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn calls_gather_where_many_are_refused_and_nowhere_else() {
        let (mut caller, mut connection) = connected().await;
        let handle = connection.peer().connection;
        handle.note_refusal();
        assert_eq!(latency(&mut caller, &mut connection).await, Duration::ZERO);
        (0..100).for_each(|_| handle.note_refusal());
        assert!(latency(&mut caller, &mut connection).await >= Duration::from_millis(200));
        advance(Duration::from_secs(5)).await;
        assert!(!handle.is_refused_often());
        assert_eq!(latency(&mut caller, &mut connection).await, Duration::ZERO);
    }
}
