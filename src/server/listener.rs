//! The listening socket, with a bound on the connections it lets in.

use std::{
    future::Future as _,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpListener,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::{Sleep, sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;

use super::{
    socket::{Socket, WRITE_TIMEOUT},
    tls::Current,
};
use crate::api::{
    caller::{Certificate, Peer},
    connection::ConnectionHandle,
};

/// How long to wait after a connection could not be taken, as when the process has no file
/// descriptor left.
const PAUSE: Duration = Duration::from_millis(100);

/// A caller who has not agreed on TLS by then, or has not said which HTTP it speaks, has no
/// connection: else whoever says nothing could hold all places.
const GREETING: Duration = Duration::from_secs(10);
/// How many bytes say which HTTP it is: the preface of HTTP/2 (RFC 9113, section 3.4).
const GREETING_BYTES: usize = 24;
/// How many callers may be agreeing on TLS at once; they have no place yet.
const HANDSHAKES: usize = 256;

/// A caller's connection, which gives its place back when it ends.
pub struct Connection {
    stream: Stream,
    /// Until when it must have said how much more.
    greeting: Option<(Pin<Box<Sleep>>, usize)>,
    /// By which its calls can cut it.
    handle: ConnectionHandle,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    /// `patience` is how long it may take to say which HTTP it speaks.
    fn new(stream: Stream, place: OwnedSemaphorePermit, patience: Duration) -> Self {
        let greeting = Some((Box::pin(sleep(patience)), GREETING_BYTES));
        Self { stream, greeting, handle: ConnectionHandle::default(), _place: place }
    }
}

enum Stream {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

/// Listens on an address, and lets in so many connections at a time; more of them wait. With `tls`
/// they speak it.
pub async fn bind(
    address: SocketAddr,
    connections: u32,
    tls: Option<Current>,
) -> io::Result<(SocketAddr, ReceiverStream<io::Result<Connection>>)> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let (incoming, taken) = mpsc::channel(1);
    let places = usize::try_from(connections).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
    let places = Arc::new(Semaphore::new(places));
    tokio::spawn(async move {
        tokio::select! {
            () = accept(&listener, places, tls, &incoming) => {}
            () = incoming.closed() => {}
        }
    });
    Ok((address, ReceiverStream::new(taken)))
}

async fn accept(
    listener: &TcpListener,
    places: Arc<Semaphore>,
    tls: Option<Current>,
    incoming: &mpsc::Sender<io::Result<Connection>>,
) {
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
    let gate = if tls.is_some() { &handshakes } else { &places };
    while let Ok(permit) = gate.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Small answers would wait for the acknowledgement of the one before: 44 ms.
                if stream.set_nodelay(true).is_err() {
                    continue;
                }
                let stream = Socket::new(stream, WRITE_TIMEOUT);
                if let Some(tls) = &tls {
                    let acceptor = TlsAcceptor::from(Arc::clone(&tls.borrow()));
                    let (places, incoming) = (Arc::clone(&places), incoming.clone());
                    tokio::spawn(async move {
                        secure(stream, acceptor, &places, &incoming).await;
                        drop(permit);
                    });
                    continue;
                }
                let connection = Connection::new(Stream::Plain(stream), permit, GREETING);
                if incoming.send(Ok(connection)).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Agrees on TLS with a caller, and lets the connection in when there is a place. Others come in
/// meanwhile.
async fn secure(
    stream: Socket,
    acceptor: TlsAcceptor,
    places: &Arc<Semaphore>,
    incoming: &mpsc::Sender<io::Result<Connection>>,
) {
    match timeout(GREETING, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => {
            // Nobody closes the semaphore.
            let Ok(place) = Arc::clone(places).acquire_owned().await else { return };
            let connection = Connection::new(Stream::Tls(Box::new(stream)), place, GREETING);
            // The server has stopped meanwhile: so the connection ends too.
            let _ = incoming.send(Ok(connection)).await;
        }
        // A caller's matter, and a scanner makes many of them.
        Ok(Err(error)) => tracing::debug!(%error, "no TLS was agreed on"),
        Err(_) => tracing::debug!("no TLS was agreed on in time"),
    }
}

/// Every request of the connection carries its peer.
impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        let shown = match &self.stream {
            Stream::Plain(_) => None,
            Stream::Tls(stream) => stream.get_ref().1.peer_certificates(),
        };
        let certificate = shown.and_then(|chain| chain.first());
        Peer {
            certificate: certificate.map(|der| Arc::new(Certificate::of(der))),
            connection: self.handle.clone(),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.handle.poll_cut(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let before = into.filled().len();
        let read = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(context, into),
            Stream::Tls(stream) => Pin::new(stream).poll_read(context, into),
        };
        if let Some((until, left)) = &mut self.greeting {
            *left = left.saturating_sub(into.filled().len() - before);
            if *left == 0 {
                self.greeting = None;
            } else if read.is_pending() && until.as_mut().poll(context).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
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
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
    };

    use super::*;

    /// A caller, and its connection.
    async fn pair(patience: Duration) -> (TcpStream, Connection) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let caller = TcpStream::connect(address).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let stream = Socket::new(stream, WRITE_TIMEOUT);
        (caller, Connection::new(Stream::Plain(stream), place, patience))
    }

    #[tokio::test]
    async fn whoever_does_not_greet_is_let_go() {
        let (mut caller, mut connection) = pair(Duration::from_millis(20)).await;
        caller.write_all(b"PRI").await.unwrap();
        let mut bytes = Vec::new();
        let ended = connection.read_to_end(&mut bytes).await;
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(bytes, b"PRI");
    }

    #[tokio::test]
    async fn a_connection_ends_when_it_is_cut() {
        let (_caller, mut connection) = pair(GREETING).await;
        let handle = connection.connect_info().connection;
        let reading = tokio::spawn(async move { connection.read_u8().await });
        tokio::task::yield_now().await;
        handle.cut();
        assert_eq!(reading.await.unwrap().unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    }

    #[tokio::test]
    async fn whoever_has_greeted_may_be_silent() {
        let (mut caller, mut connection) = pair(GREETING).await;
        caller.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        let mut bytes = [0; GREETING_BYTES];
        connection.read_exact(&mut bytes[..23]).await.unwrap();
        assert!(connection.greeting.is_some());
        connection.read_exact(&mut bytes[23..]).await.unwrap();
        assert!(connection.greeting.is_none());
    }
}
