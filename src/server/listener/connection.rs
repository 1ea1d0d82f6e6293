//! A caller's connection, as bytes.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep, sleep_until},
};
use tokio_rustls::server::TlsStream;

use crate::{
    api::{
        caller::{Certificate, Peer},
        connection::{Permit, Reading},
    },
    server::{serving::Transport, socket::Socket},
};

/// A connection whose calls are refused is read by so many bytes, a few calls, and so far apart.
const SLOW_BYTES: usize = 2 << 10;
const SLOW_GAP: Duration = Duration::from_millis(1);

/// A connection that was accepted, and its place, which it gives back when it ends.
pub struct Connection {
    stream: Stream,
    /// It is not read until then.
    pause: Option<Pin<Box<Sleep>>>,
    permit: Permit,
}

enum Stream {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

impl Connection {
    pub(super) fn plain(stream: Socket, permit: Permit) -> Self {
        Self { stream: Stream::Plain(stream), pause: None, permit }
    }

    pub(super) fn secure(stream: TlsStream<Socket>, permit: Permit) -> Self {
        Self { stream: Stream::Tls(Box::new(stream)), pause: None, permit }
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

impl Connection {
    fn poll_stream(
        &mut self,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(context, into),
            Stream::Tls(stream) => Pin::new(stream).poll_read(context, into),
        }
    }

    /// Reads a little. The calls in it are answered before more of them are read.
    fn poll_slowly(
        &mut self,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let bytes = SLOW_BYTES.min(into.remaining());
        let mut part = ReadBuf::new(into.initialize_unfilled_to(bytes));
        ready!(self.poll_stream(context, &mut part))?;
        let read = part.filled().len();
        into.advance(read);
        self.pause = Some(Box::pin(sleep(SLOW_GAP)));
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(context));
                self.pause = None;
            }
            match self.permit.connection().reading() {
                Reading::Freely => return self.poll_stream(context, into),
                Reading::Slowly => return self.poll_slowly(context, into),
                Reading::NotBefore(then) => self.pause = Some(Box::pin(sleep_until(then))),
            }
        }
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
