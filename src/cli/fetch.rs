//! Fetches a small document from a URL by HTTP/1.1 (RFC 9112), with limits on size and time. It
//! follows no redirects, and keeps and sends no cookies.

use std::{fs, path::Path, sync::Arc, time::Duration};

use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{
    body::Bytes,
    client::conn::http1,
    rt::{Read, Write},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet, time::timeout};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};

use crate::server::tls::certificates;

/// The largest document, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// The time limit for the whole fetch.
const PATIENCE: Duration = Duration::from_secs(10);

/// Fetches the document of a URL with `https` or `http`. `authority` is a PEM file with the
/// authority of its certificate; without it the public authorities. The error does not contain the
/// URL.
pub async fn fetch(url: &str, authority: Option<&Path>) -> Result<Bytes, String> {
    match get(url, authority).await? {
        (StatusCode::OK, body) => Ok(body),
        (status, _) => Err(format!("the answer is {status}")),
    }
}

/// The response of a URL, whatever its status is.
pub async fn get(url: &str, authority: Option<&Path>) -> Result<(StatusCode, Bytes), String> {
    let fetched = timeout(PATIENCE, fetch_in_time(url, authority)).await;
    fetched.unwrap_or_else(|_| Err(format!("no answer within {} seconds", PATIENCE.as_secs())))
}

async fn fetch_in_time(url: &str, authority: Option<&Path>) -> Result<(StatusCode, Bytes), String> {
    let uri: Uri = url.parse().map_err(|_| "is no URL".to_owned())?;
    let host = uri.host().ok_or("is no URL")?.trim_matches(['[', ']']).to_owned();
    let is_secure = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
    let stream = TcpStream::connect((host.as_str(), port)).await.map_err(|it| it.to_string())?;
    if !is_secure {
        return request(TokioIo::new(stream), &uri).await;
    }
    let connector = TlsConnector::from(Arc::new(tls_config(authority)?));
    let name = ServerName::try_from(host).map_err(|error| error.to_string())?;
    let stream = connector.connect(name, stream).await.map_err(|error| error.to_string())?;
    request(TokioIo::new(stream), &uri).await
}

fn tls_config(authority: Option<&Path>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    match authority {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let unfit = |why: String| format!("{} {why}", path.display());
            let pem = fs::read(path).map_err(|error| unfit(format!("cannot be read: {error}")))?;
            for certificate in certificates(&pem).map_err(unfit)? {
                roots.add(certificate).map_err(|error| unfit(error.to_string()))?;
            }
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

async fn request(
    stream: impl Read + Write + Unpin + Send + 'static,
    uri: &Uri,
) -> Result<(StatusCode, Bytes), String> {
    let (mut sender, connection) =
        http1::handshake(stream).await.map_err(|error| error.to_string())?;
    // Ends with this call, however that ends.
    let mut connections = JoinSet::new();
    connections.spawn(connection);
    let host = uri.authority().map_or("", |authority| authority.as_str());
    let request = Request::get(uri.path_and_query().map_or("/", |path| path.as_str()))
        .header(header::HOST, host)
        .header(header::ACCEPT, "application/json")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let status = response.status();
    let body = Limited::new(response.into_body(), MAX_BYTES).collect().await;
    let body = body.map_err(|_| format!("the answer ends early, or is above {MAX_BYTES} bytes"))?;
    Ok((status, body.to_bytes()))
}
