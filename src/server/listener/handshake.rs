//! The TLS handshake with a new connection.

use std::{io, sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::timeout};
use tokio_rustls::TlsAcceptor;

use super::Connection;
use crate::{
    api::connection::ConnectionPermit,
    server::{socket::Socket, tls::Current},
};

/// The time limit. Two round trips suffice, and a lost packet costs a second.
const HANDSHAKE: Duration = Duration::from_secs(3);

/// Passes the connection on after the TLS handshake. Other connections are accepted meanwhile; this
/// one counts as unauthenticated, which limits the number of handshakes, and may be displaced.
pub(super) async fn secure(
    socket: Socket,
    permit: ConnectionPermit,
    tls: Current,
    incoming: mpsc::Sender<io::Result<Connection>>,
) {
    let acceptor = TlsAcceptor::from(Arc::clone(&tls.borrow()));
    let accepted = tokio::select! {
        accepted = timeout(HANDSHAKE, acceptor.accept(socket)) => accepted,
        () = permit.connection().until_cut() => return,
    };
    match accepted {
        Ok(Ok(stream)) => {
            // If the server has stopped meanwhile, the connection ends too.
            let _ = incoming.send(Ok(Connection::secure(stream, permit))).await;
        }
        // The caller's problem, and scanners cause many of these.
        Ok(Err(error)) => tracing::debug!(%error, "no TLS was agreed on"),
        Err(_) => tracing::debug!("no TLS was agreed on in time"),
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::AsyncReadExt as _,
        net::{TcpListener, TcpStream},
        sync::watch,
        time::Instant,
    };
    use tokio_rustls::{
        TlsConnector,
        rustls::{ClientConfig, RootCertStore, ServerConfig, crypto::ring, pki_types::ServerName},
    };

    use super::*;
    use crate::{
        api::connection::{Admission, ConnectionLimits},
        metrics::ConnectionMetrics,
        server::socket::WRITE_TIMEOUT,
    };

    /// Both ends of a connection.
    async fn pair() -> (TcpStream, Socket) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let caller = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        (caller, Socket::new(stream, WRITE_TIMEOUT))
    }

    /// A server's certificate, and a client that trusts it.
    fn tls() -> (watch::Sender<Arc<ServerConfig>>, TlsConnector) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let provider = Arc::new(ring::default_provider());
        let key = made.signing_key.serialize_der().try_into().unwrap();
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        (watch::Sender::new(Arc::new(server)), TlsConnector::from(Arc::new(client)))
    }

    fn admission(unauthenticated: usize) -> Admission {
        let limits = ConnectionLimits { authenticated: 1, per_caller: 1, unauthenticated };
        Admission::new(limits, ConnectionMetrics::default())
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_says_nothing_is_let_go_in_time() {
        let (mut caller, stream) = pair().await;
        let (current, _) = tls();
        let (incoming, mut accepted) = mpsc::channel(1);
        let admission = admission(1);
        let permit = admission.admit([127, 0, 0, 1].into());
        let begun = Instant::now();
        secure(stream, permit, current.subscribe(), incoming).await;
        assert_eq!(begun.elapsed(), HANDSHAKE);
        assert!(accepted.recv().await.is_none());
        assert_eq!(caller.read(&mut [0]).await.unwrap(), 0);
        assert_eq!(admission.metrics().unauthenticated.get(), 0);
    }

    #[tokio::test]
    async fn whoever_agrees_comes_in() {
        let (caller, stream) = pair().await;
        let (current, connector) = tls();
        let (incoming, mut accepted) = mpsc::channel(1);
        let permit = admission(1).admit([127, 0, 0, 1].into());
        let securing = tokio::spawn(secure(stream, permit, current.subscribe(), incoming));
        let name = ServerName::try_from("localhost").unwrap();
        connector.connect(name, caller).await.unwrap();
        securing.await.unwrap();
        assert!(accepted.recv().await.is_some());
    }

    #[tokio::test]
    async fn a_handshake_loses_its_place_to_a_later_one() {
        let (mut caller, stream) = pair().await;
        let (current, _) = tls();
        let (incoming, _accepted) = mpsc::channel(1);
        let admission = admission(1);
        let permit = admission.admit([127, 0, 0, 1].into());
        let securing = tokio::spawn(secure(stream, permit, current.subscribe(), incoming));
        let _later = admission.admit([127, 0, 0, 1].into());
        securing.await.unwrap();
        assert_eq!(caller.read(&mut [0]).await.unwrap(), 0);
    }
}
