//! What to try while the demo serves.

use std::net::SocketAddr;

/// The commands, ready to be copied; `program` is the path of this program.
pub fn text(program: &str, address: SocketAddr, tls: bool) -> String {
    let (url, plain, prior) = match tls {
        true => (format!("https://{address}"), "", ""),
        false => (format!("http://{address}"), "-plaintext ", "--http2-prior-knowledge "),
    };
    let list = "throughline.v1.TimelineService/ListTimeline";
    let phone = r#"{"identifier": {"kind": "IDENTIFIER_KIND_PHONE", "value": "06 12345678"}}"#;
    format!(
        "\nServing on {url} until Ctrl-C. In another terminal:

  {program} briefing --server {url} --email freja@example.org
  {program} timeline --server {url} --phone '06 12345678' --kind purchase
  {program} timeline --server {url} --email mette.holm@example.com --json
  {program} search --server {url} television
  {program} search --server {url} leveranse forsinket
  {program} customer --server {url} --name bak
  {program} suggestions --server {url}
  {program} merge --server {url} --dry-run CUSTOMER OTHER

The same call with buf (npm install -g @bufbuild/buf) or grpcurl, through reflection:

  buf curl --protocol grpc {prior}\\
    -d '{phone}' \\
    {url}/{list}
  grpcurl {plain}-d '{phone}' \\
    {address} {list}
"
    )
}
