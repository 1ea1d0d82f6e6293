//! A caller's socket. It fails if it accepts no byte for a while: otherwise what waits to be sent
//! would stay in memory, and frames without flow control would pile up.

use std::{
    future::Future as _,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

/// How long a socket may accept no byte of what is to be sent.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(20);

/// A TCP socket whose writes fail after a while without progress. It is below TLS, so that bytes
/// count for which the other side's kernel has made room.
#[derive(Debug)]
pub struct Socket {
    tcp: TcpStream,
    write_timeout: Duration,
    /// Runs since a write had to wait.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Socket {
    pub fn new(tcp: TcpStream, write_timeout: Duration) -> Self {
        Self { tcp, write_timeout, stalled: None }
    }

    /// A write that had to wait, or did not.
    fn bounded<T>(
        &mut self,
        context: &mut Context<'_>,
        write: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if write.is_ready() {
            self.stalled = None;
            return write;
        }
        let timeout = self.write_timeout;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(timeout)));
        stalled.as_mut().poll(context).map(|()| {
            tracing::info!("a connection accepted no data for too long and is closed");
            Err(io::ErrorKind::TimedOut.into())
        })
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(context, into)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.tcp).poll_write(context, bytes);
        self.bounded(context, write)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.tcp).poll_write_vectored(context, parts);
        self.bounded(context, write)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
        time::timeout,
    };

    use super::*;

    /// More than the kernels of both sides hold, in bytes.
    const MUCH: usize = 64 << 20;
    /// The time within which a test waits for an event.
    const BOUND: Duration = Duration::from_secs(60);

    async fn pair(write_timeout: Duration) -> (TcpStream, Socket) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let caller = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        (caller, Socket::new(stream, write_timeout))
    }

    #[tokio::test]
    async fn a_caller_that_takes_nothing_is_given_up() {
        let (_caller, mut socket) = pair(Duration::from_millis(50)).await;
        let wrote = timeout(BOUND, socket.write_all(&vec![0; MUCH])).await.unwrap();
        assert_eq!(wrote.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_caller_that_takes_a_little_at_a_time_is_not_given_up() {
        let (mut caller, mut socket) = pair(Duration::from_secs(10)).await;
        let reading = tokio::spawn(async move {
            let (mut read, mut part) = (0, vec![0; 64 << 10]);
            while read < MUCH {
                read += caller.read(&mut part).await.unwrap();
            }
        });
        timeout(BOUND, socket.write_all(&vec![0; MUCH])).await.unwrap().unwrap();
        reading.await.unwrap();
        assert!(socket.stalled.is_none());
    }
}
