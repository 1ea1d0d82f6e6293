//! The listening socket. Every connection is accepted at once and may be displaced soon: see
//! [`Admission`].

mod connection;
mod descriptors;
mod handshake;

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::mpsc,
};
use tokio_stream::wrappers::ReceiverStream;

use super::{
    socket::{Socket, WRITE_TIMEOUT},
    tls::Current,
};
use crate::{
    api::connection::{Admission, ConnectionPermit},
    summary,
};

pub use connection::Connection;
pub use descriptors::{fit_descriptors, needed_descriptors};

/// The number of connections that the kernel holds until they are accepted: its usual limit.
const BACKLOG: u32 = 4096;
/// The number of accepted connections that wait for the server to take them.
const ACCEPTED: usize = 64;
/// The pause after a connection could not be accepted, for example because the process has no file
/// descriptor left.
const PAUSE: Duration = Duration::from_millis(100);

/// Listens on an address. With `tls`, connections use TLS.
pub async fn bind(
    address: SocketAddr,
    admission: Admission,
    tls: Option<Current>,
) -> io::Result<(SocketAddr, ReceiverStream<io::Result<Connection>>)> {
    let listener = listen(address)?;
    let address = listener.local_addr()?;
    let (incoming, accepted) = mpsc::channel(ACCEPTED);
    tokio::spawn(async move {
        tokio::select! {
            () = accept(&listener, &admission, tls, &incoming) => {}
            () = incoming.closed() => {}
            () = summarise(&admission) => {}
        }
    });
    Ok((address, ReceiverStream::new(accepted)))
}

/// Logs displaced and refused connections.
async fn summarise(admission: &Admission) {
    let metrics = admission.metrics();
    summary::of_growth(
        || [metrics.displaced.get()],
        |[closed]| {
            let authenticated = metrics.authenticated.get();
            let unauthenticated = metrics.unauthenticated.get();
            tracing::warn!(
                closed,
                authenticated,
                unauthenticated,
                "connections without an authenticated call were closed to make room for others"
            );
        },
    )
    .await;
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restarted server gets its port although connections of the previous one linger.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts every connection, so that nobody waits in the kernel's queue without an answer.
async fn accept(
    listener: &TcpListener,
    admission: &Admission,
    tls: Option<Current>,
    incoming: &mpsc::Sender<io::Result<Connection>>,
) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                let permit = admission.admit(from.ip());
                let taken = take(stream, permit, tls.as_ref(), incoming).await;
                if taken.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Passes a connection on. Fails if nobody receives them any more.
async fn take(
    stream: TcpStream,
    permit: ConnectionPermit,
    tls: Option<&Current>,
    incoming: &mpsc::Sender<io::Result<Connection>>,
) -> Result<(), ()> {
    // Small answers would wait for the acknowledgement of the previous one: 44 ms.
    if stream.set_nodelay(true).is_err() {
        // The connection has already ended.
        return Ok(());
    }
    let socket = Socket::new(stream, WRITE_TIMEOUT);
    if let Some(tls) = tls {
        tokio::spawn(handshake::secure(socket, permit, tls.clone(), incoming.clone()));
        return Ok(());
    }
    incoming.send(Ok(Connection::plain(socket, permit))).await.map_err(drop)
}
