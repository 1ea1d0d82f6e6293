//! The permission matrix: who may make which call about a customer in which state, and the answer.
//! Each cell is made of calls over real gRPC; the calls are the contract's.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use prost::Message as _;
use prost_reflect::DynamicMessage;
use serde_json::Value;
use throughline::{
    api::caller::{Actors, Caller, Callers, Registered, Scope, Unverified},
    clock::Clock,
    model::Channel,
    pb::{Purpose, Role},
    server::Settings,
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{
    rights::{
        WORD, erase, known, restrict,
        restricted::{
            calls::{Call, calls},
            suggestion,
        },
    },
    support::{Database, NOW, ROLES, SHOP_TOKEN, Server, dynamic, settings, wire},
};

/// The expected matrix.
const MATRIX: &str = include_str!("matrix.txt");

/// The states of the customer, or of the caller.
const STATES: [&str; 5] = ["own channel", "other channel", "merged", "restricted", "erased"];

/// Content of the customer, or about the customer; the subject of a case is not included.
const SAID: [&str; 3] = [WORD, "no picture", "A note of the order"];

/// One caller of each role, and one that creates the world.
fn callers(state: &str) -> Callers {
    let of = |roles: Vec<Role>, name: &'static str, scope: Scope| Caller {
        name: name.into(),
        purpose: Some(match roles[..] {
            [Role::PrivacyOfficer] => Purpose::Privacy,
            _ => Purpose::Service,
        }),
        roles,
        verifies: throughline::model::IdentifierKind::ALL.to_vec(),
        verifies_profile: true,
        actors: Actors::Any,
        scope,
    };
    let own = Channel::ALL.into_iter().filter(|channel| *channel != Channel::Letter).collect();
    let channels = if state == "other channel" { vec![Channel::Letter] } else { own };
    let unverified = Unverified::Everything;
    let scope = Scope { channels: Some(channels), masks_others: true, unverified };
    let one = |(name, role)| Registered::by_token(of(vec![role], name, scope.clone()), name);
    let both = vec![Role::Agent, Role::Supervisor];
    let shop = Registered::by_token(of(both, "shop", Scope::ALL), SHOP_TOKEN);
    Callers::new(ROLES.into_iter().map(one).chain([shop]))
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// The result of a call: `said`: its answer contains content of other channels; `yes`: it does not;
/// or the reason of the error.
async fn outcome(server: &Server, call: &Call, token: &str, said: &[&str]) -> String {
    let (name, _, request) = call;
    let method = dynamic::method(name);
    if method.is_server_streaming() {
        // The first message of an open stream.
        let services = server.connect().await;
        let token = format!("Bearer {token}");
        let metadata = [("authorization", token.as_str())];
        return match dynamic::call(&services, name, request.clone(), &metadata).await {
            Ok(message) => told(message.to_string().as_bytes(), said),
            Err(status) => reason(&status),
        };
    }
    let message = DynamicMessage::deserialize(method.input(), request).unwrap();
    let path = format!("/{}/{name}", method.parent_service().full_name());
    let headers = [("authorization", &*format!("Bearer {token}"))];
    let frame = wire::frame(&message.encode_to_vec());
    match wire::call(server.address, &path, &headers, frame).await {
        // Pages are small and not compressed.
        wire::Answer::Status(status, body) if status.code() == Code::Ok => told(&body, said),
        answer => reason(answer.status()),
    }
}

fn told(answer: &[u8], said: &[&str]) -> String {
    let was_said = said.iter().any(|text| holds(answer, text));
    if was_said { "said".to_owned() } else { "yes".to_owned() }
}

fn reason(status: &Status) -> String {
    status.get_error_details().error_info().unwrap().reason.to_lowercase()
}

/// Replaces the canonical record by the other one.
fn by_other_id(value: &mut Value, id: &str, other_id: &str) {
    match value {
        Value::String(text) if text == id => *text = other_id.to_owned(),
        Value::Array(values) => values.iter_mut().for_each(|it| by_other_id(it, id, other_id)),
        Value::Object(fields) => {
            fields.values_mut().for_each(|it| by_other_id(it, id, other_id));
        }
        _ => {}
    }
}

/// The results of each call of the contract for one role.
async fn column(database: &Database, state: &str, token: &str) -> BTreeMap<String, String> {
    let settings = Settings { callers: callers(state), ..settings(Clock::Fixed(NOW)) };
    let server = Server::start_with(database, settings).await;
    let known = known(&server, database).await;
    let suggested = suggestion(&server, database, &known.id).await;
    let mut all = calls(&known, &suggested);
    match state {
        "restricted" => drop(restrict(&server, &known.id).await),
        "erased" => erase(&server, &known.id).await,
        "merged" => {
            for (_, _, request) in &mut all {
                by_other_id(request, &known.id, &known.other_id);
            }
        }
        _ => {}
    }
    let mut cells: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let said = if state == "other channel" { &SAID[..] } else { &[] };
    for call in &all {
        let outcome = outcome(&server, call, token, said).await;
        cells.entry(call.0.to_owned()).or_default().insert(outcome);
    }
    server.stop().await;
    let joined = |(name, outcomes): (String, BTreeSet<String>)| {
        let cell = match outcomes.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["role_not_permitted"] => "-".to_owned(),
            _ => outcomes.into_iter().collect::<Vec<_>>().join(" "),
        };
        (name, cell)
    };
    cells.into_iter().map(joined).collect()
}

#[tokio::test]
async fn each_cell_of_the_matrix_is_as_it_is_wanted() {
    let mut tables = Vec::new();
    for kind in ["SQLite", "PostgreSQL"] {
        let mut table = String::new();
        for state in STATES {
            let mut columns = Vec::new();
            for (name, _) in ROLES {
                let database = match kind {
                    "SQLite" => Some(Database::sqlite()),
                    _ => Database::postgres().await,
                };
                let Some(database) = database else { break };
                columns.push((name, column(&database, state, name).await));
            }
            if columns.is_empty() {
                break;
            }
            writeln!(table, "{state}").unwrap();
            for method in dynamic::methods() {
                // Calls with equal answers share a row; calls that are not permitted are left out.
                let mut rows: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
                for (name, cells) in &columns {
                    let cell = cells.get(method.name());
                    let cell = cell.unwrap_or_else(|| panic!("no call of {}", method.name()));
                    if cell != "-" {
                        rows.entry(cell).or_default().push(name);
                    }
                }
                for (cell, names) in rows {
                    let names = names.join(" ");
                    writeln!(table, "  {:<24} {names}: {cell}", method.name()).unwrap();
                }
            }
        }
        if !table.is_empty() {
            tables.push(table);
        }
    }
    for table in tables {
        if table != MATRIX {
            println!("{table}");
            panic!("the matrix is another one: compare it with tests/it/scope/matrix.txt");
        }
    }
}
