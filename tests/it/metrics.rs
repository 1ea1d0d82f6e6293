//! The metrics: what a server reports about its calls, and that the documents, the alerts and the
//! dashboard use existing metrics.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::Value;
use throughline::{
    clock::Clock,
    server::{
        Settings,
        operator::{self, Operator},
    },
    store::{
        ErasureFile, Store,
        backup::{BackupOptions, back_up},
    },
};
use tonic::Code;

use crate::{
    calls::{account, by, list, note},
    documents::anchors,
    support::{
        Database, Life, NOW, Server, TempFolder, on_both, postgres::postgres, settings, wire,
    },
};

/// A server whose metrics are read.
struct Measured {
    server: Server,
    operators: operator::Listener,
    _folder: TempFolder,
}

impl Measured {
    async fn start(database: &Database) -> Self {
        let folder = TempFolder::new();
        let store = Store::open(&database.url, 4, Clock::Fixed(NOW)).await.unwrap();
        let store = store.with_erasure_file(ErasureFile::new(folder.path().join("erasures")));
        let settings = Settings { matching: Some(Vec::new()), ..settings(Clock::Fixed(NOW)) };
        let operator = Operator { store: store.clone(), readiness: settings.readiness.clone() };
        let operators = operator::listen("127.0.0.1:0".parse().unwrap(), operator).await.unwrap();
        let server = Server::start_over(store, settings).await;
        Self { server, operators, _folder: folder }
    }

    async fn text(&self) -> String {
        let (status, text) = wire::get(self.operators.address, "/metrics").await;
        assert_eq!(status, 200);
        text
    }

    /// The value of a series; 0 if it does not exist.
    async fn value(&self, series: &str) -> f64 {
        let text = self.text().await;
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }

    async fn calls(&self, method: &str, code: &str) -> f64 {
        let series = format!(
            "rpc_server_call_duration_seconds_count{{rpc_system_name=\"grpc\",\
             rpc_method=\"{method}\",rpc_response_status_code=\"{code}\"}}"
        );
        self.value(&series).await
    }
}

#[tokio::test]
async fn calls_are_counted_by_method_code_and_reason() {
    on_both(async |database| {
        let mut measured = Measured::start(database).await;
        let record = "throughline.v1.TimelineService/RecordEntry";
        measured.server.recorded(by(vec![account("anna")], note("x"))).await;
        measured.server.recorded(by(vec![account("anna")], note("y"))).await;
        measured.server.not_recorded(by(vec![], note("x"))).await;
        assert_eq!(measured.calls(record, "OK").await, 2.0);
        assert_eq!(measured.calls(record, "INVALID_ARGUMENT").await, 1.0);
        let invalid = "throughline_refusals_total{reason=\"INVALID_FIELD\"}";
        assert_eq!(measured.value(invalid).await, 1.0);

        let unknown = list("0190f3c4-7b1a-7cc0-8000-00000000beef");
        let refused = measured.server.timeline.list_timeline(unknown).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
        let timeline = "throughline.v1.TimelineService/ListTimeline";
        assert_eq!(measured.calls(timeline, "NOT_FOUND").await, 1.0);
        assert_eq!(measured.value("throughline_calls_under_way").await, 0.0);
        measured.server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn the_last_backup_is_told() {
    on_both(async |database| {
        let measured = Measured::start(database).await;
        let folder = TempFolder::new();
        let programs = postgres().map(|cluster| cluster.program(""));
        let means = BackupOptions {
            clock: Clock::Fixed(NOW),
            ledger: None,
            programs: programs.as_deref(),
            until: Instant::now() + Duration::from_secs(600),
            progress: &|_| {},
        };
        back_up(&database.url, &folder.path().join("backup"), means).await.unwrap();
        let told = measured.value("throughline_last_backup_timestamp_seconds").await;
        assert_eq!(told, (NOW / 1_000_000) as f64);
        measured.server.stop().await;
    })
    .await;
}

/// All unknown calls share one name.
#[tokio::test]
async fn a_caller_makes_no_metric() {
    let database = Database::sqlite();
    let measured = Measured::start(&database).await;
    let channel = measured.server.channel().await;
    for number in 0..20 {
        let path = format!("/throughline.v1.TimelineService/Canary{number}");
        let mut client = tonic::client::Grpc::new(channel.clone());
        client.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<(), ()>::default();
        let request = tonic::Request::new(());
        let made = client.unary(request, path.parse().unwrap(), codec).await;
        assert_eq!(made.unwrap_err().code(), Code::Unimplemented);
    }
    assert_eq!(measured.calls("_OTHER", "UNIMPLEMENTED").await, 20.0);
    assert!(!measured.text().await.contains("Canary"));
    measured.server.stop().await;
}

/// The metric names of a server; a histogram has one.
async fn exposed(database: &Database) -> BTreeSet<String> {
    let measured = Measured::start(database).await;
    Life::live(measured.server.connect().await, &[]).await;
    measured.server.not_recorded(by(vec![], note("x"))).await;
    let text = measured.text().await;
    measured.server.stop().await;
    let named = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    named.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

/// The metric names in a text.
fn spoken_of(text: &str) -> BTreeSet<String> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = text.split(|letter| !is_part(letter));
    let begins = ["throughline_", "rpc_server_", "db_client_", "process_"];
    let names = words.filter(|word| begins.iter().any(|begin| word.starts_with(begin)));
    names
        .map(|name| {
            // A histogram has three series.
            let parts = ["_bucket", "_sum", "_count"];
            let histogram = parts.iter().find_map(|part| name.strip_suffix(part));
            histogram.filter(|name| !name.is_empty()).unwrap_or(name).to_owned()
        })
        .collect()
}

fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The first cells of the tables of a document.
fn documented(text: &str) -> BTreeSet<String> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split('`').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_documents_speak_of_the_metrics_that_there_are() {
    on_both(async |database| {
        let mut exposed = exposed(database).await;
        if database.name == "PostgreSQL" {
            // The database of the audit log is not a separate one.
            assert!(exposed.contains("db_client_operation_duration_seconds"));
        }
        assert_eq!(documented(&file("docs/metrics.md")), exposed);
        // Prometheus itself reports that a server does not answer.
        exposed.insert("up".to_owned());
        for path in ["ops/prometheus/alerts.yml", "ops/grafana/throughline.json", "docs/metrics.md"]
        {
            let unheard_of: Vec<_> = spoken_of(&file(path)).difference(&exposed).cloned().collect();
            assert!(unheard_of.is_empty(), "{path}: {unheard_of:?}");
        }
    })
    .await;
}

#[test]
fn each_alert_has_a_runbook() {
    let anchors = anchors(&file("docs/runbooks.md"));
    let alerts = file("ops/prometheus/alerts.yml");
    let names = alerts.lines().filter(|line| line.trim_start().starts_with("- alert: ")).count();
    let runbooks: Vec<_> = alerts
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("runbook_url: docs/runbooks.md#"))
        .collect();
    assert!(names > 15 && runbooks.len() == names, "{names}: {runbooks:?}");
    let missing: Vec<_> = runbooks.iter().filter(|it| !anchors.contains(**it)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_dashboard_asks_for_something_in_each_panel() {
    let dashboard: Value = serde_json::from_str(&file("ops/grafana/throughline.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let targets = panel["targets"].as_array().unwrap();
        let asks = |target: &Value| !spoken_of(target["expr"].as_str().unwrap()).is_empty();
        assert!(!targets.is_empty() && targets.iter().all(asks), "{}", panel["title"]);
    }
}

/// The check of the documents, applied to violations.
#[test]
fn names_are_found_where_they_stand() {
    let text = "sum(rate(throughline_gone_total{a=\"b\"}[5m])) / rpc_server_x_seconds_bucket";
    let names = ["rpc_server_x_seconds", "throughline_gone_total"].map(str::to_owned);
    assert_eq!(spoken_of(text), names.into());
    assert_eq!(documented("| `a_total` | | b |\n| c |\n"), ["a_total".to_owned()].into());
}
