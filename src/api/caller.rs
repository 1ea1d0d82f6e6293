//! Who calls, and what they have the right to say.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    fmt,
    future::pending,
    sync::{Arc, LazyLock},
    time::Duration,
};

use http::{HeaderMap, header::AUTHORIZATION};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::{sync::watch, time::sleep};
use uuid::Uuid;

use super::{access, purpose};
use crate::{
    clock::Clock,
    error::Error,
    model::{IdentifierKind, Micros, Origin},
    story::text,
};

pub use crate::pb::{Purpose, Role};

/// The metadata that names the person who acts through a caller.
pub const ACTOR: &str = "throughline-actor";
const MAX_ACTOR_CHARS: usize = 100;

/// Every role.
pub const ROLES: [Role; 5] =
    [Role::Recorder, Role::Reader, Role::Agent, Role::Supervisor, Role::PrivacyOfficer];

/// An application that calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub name: Cow<'static, str>,
    /// What it is for: which calls it may make.
    pub roles: Vec<Role>,
    /// The kinds of identifiers that it may say are verified.
    pub verifies: Vec<IdentifierKind>,
    pub verifies_profile: bool,
    /// What its calls are for where they do not say so.
    pub purpose: Option<Purpose>,
    pub actors: Actors,
}

/// Which people may act through a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actors {
    /// Anybody, or nobody: a machine that acts by itself.
    Any,
    /// Anybody, but each call names who.
    Named,
    /// One of these, whom each call names.
    These(BTreeSet<String>),
}

impl Caller {
    /// Whoever calls without a token: every role, and no rights to verify.
    pub fn local() -> Self {
        Self {
            name: LOCAL.into(),
            roles: ROLES.to_vec(),
            verifies: Vec::new(),
            verifies_profile: false,
            purpose: Some(Purpose::Service),
            actors: Actors::Any,
        }
    }
}

/// The name of whoever calls without a token.
pub const LOCAL: &str = "local";

/// Who acts: the caller, and the person behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    caller: Arc<Caller>,
    /// The person, or the caller where none is named.
    pub name: String,
}

impl Actor {
    /// Somebody who calls without a token and names no person.
    pub fn local() -> Self {
        Self { caller: Arc::new(Caller::local()), name: LOCAL.to_owned() }
    }

    pub fn caller(&self) -> &str {
        &self.caller.name
    }

    /// What its call on what is kept of customers is for.
    pub fn purpose(&self, headers: &HeaderMap) -> Result<Purpose, Error> {
        purpose::of_call(headers, &self.caller)
    }

    /// Whether it may make the call of a path.
    pub fn may_call(&self, path: &str) -> bool {
        access::may_call(&self.caller.roles, path)
    }

    /// Whether identifiers of a kind are verified where this caller says so.
    pub fn verifies(&self, kind: IdentifierKind) -> bool {
        self.caller.verifies.contains(&kind)
    }

    /// Where what the caller says comes from.
    pub fn origin(&self, source: String) -> Origin {
        Origin { source, verifies_profile: self.caller.verifies_profile }
    }

    /// The id under which a call is remembered: no caller meets the calls of another one.
    pub fn own(&self, request_id: Uuid) -> Uuid {
        if self.caller.name == LOCAL {
            return request_id;
        }
        let mut hash = Sha256::new();
        hash.update(self.caller.name.as_bytes());
        hash.update([0]);
        hash.update(request_id);
        let mut half = [0; 16];
        half.copy_from_slice(&hash.finalize()[..16]);
        uuid::Builder::from_custom_bytes(half).into_uuid()
    }
}

/// A caller with its tokens.
#[derive(Clone, Debug)]
pub struct Registered {
    pub caller: Caller,
    /// The SHA-256 of each token: two of them while one is replaced by the other.
    pub tokens_sha256: Vec<[u8; 32]>,
    /// From when on they are worth nothing.
    pub expires_at: Option<Micros>,
}

/// The callers that the server knows, by their tokens. Copies share them.
#[derive(Clone)]
pub struct Callers {
    known: Arc<watch::Sender<Arc<[Known]>>>,
    /// Whether nobody else may call.
    alone: bool,
}

struct Known {
    token_sha256: [u8; 32],
    expires_at: Option<Micros>,
    caller: Arc<Caller>,
}

/// Nobody.
impl Default for Callers {
    fn default() -> Self {
        Self::new([])
    }
}

/// Shows no hash.
impl fmt::Debug for Callers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.known().iter().map(|known| &known.caller)).finish()
    }
}

impl Callers {
    pub fn new(callers: impl IntoIterator<Item = Registered>) -> Self {
        let known = callers.into_iter().flat_map(|registered| {
            let caller = Arc::new(registered.caller);
            let expires_at = registered.expires_at;
            registered.tokens_sha256.into_iter().map(move |token_sha256| {
                let caller = Arc::clone(&caller);
                Known { token_sha256, expires_at, caller }
            })
        });
        Self { known: Arc::new(watch::Sender::new(known.collect())), alone: false }
    }

    /// The same, where whoever shows no token is none of them.
    pub fn alone(self) -> Self {
        Self { alone: true, ..self }
    }

    /// Takes over others in the place of these, for all copies, from the next call on.
    pub fn replace(&self, others: &Self) {
        self.known.send_replace(others.known());
    }

    fn known(&self) -> Arc<[Known]> {
        Arc::clone(&self.known.borrow())
    }

    /// Who a call is by that comes now.
    pub fn actor(&self, headers: &HeaderMap, now: Micros) -> Result<Actor, Error> {
        let caller = match shown(headers)? {
            Some(token_sha256) => find(&self.known(), &token_sha256, now)
                .map(|known| Arc::clone(&known.caller))
                .ok_or(Error::UnknownCaller)?,
            None if self.alone => return Err(Error::UnknownCaller),
            None => {
                static LOCAL: LazyLock<Arc<Caller>> = LazyLock::new(|| Arc::new(Caller::local()));
                Arc::clone(&LOCAL)
            }
        };
        let name = actor_name(headers)?;
        match &caller.actors {
            Actors::These(people) if name.as_ref().is_some_and(|name| !people.contains(name)) => {
                return Err(Error::ActorMayNot);
            }
            Actors::Named | Actors::These(_) if name.is_none() => {
                return Err(Error::invalid(ACTOR, "is missing: this caller names who acts"));
            }
            _ => {}
        }
        let name = name.unwrap_or_else(|| caller.name.clone().into_owned());
        Ok(Actor { caller, name })
    }

    /// What a call goes on by that may be made now.
    pub fn right(&self, headers: &HeaderMap, path: &str, clock: Clock) -> Right {
        let token_sha256 = shown(headers).ok().flatten();
        Right { known: self.known.subscribe(), token_sha256, path: path.to_owned(), clock }
    }
}

/// What a long call goes on by: the token that it has shown.
#[derive(Clone)]
pub struct Right {
    known: watch::Receiver<Arc<[Known]>>,
    /// None: it has shown none, and none can be taken away.
    token_sha256: Option<[u8; 32]>,
    path: String,
    clock: Clock,
}

impl Right {
    /// Ends when the token is worth nothing any more, or no role of its caller may make the call.
    pub async fn lost(mut self) -> Error {
        let Some(token_sha256) = self.token_sha256 else { return pending().await };
        loop {
            let now = self.clock.now();
            let expires_at = match find(&self.known.borrow_and_update(), &token_sha256, now) {
                None => return Error::UnknownCaller,
                Some(known) if !access::may_call(&known.caller.roles, &self.path) => {
                    return Error::RoleMayNot;
                }
                Some(known) => known.expires_at,
            };
            let expired = async {
                let Some(expires_at) = expires_at else { return pending().await };
                let left = u64::try_from(expires_at.saturating_sub(now)).unwrap_or(0);
                sleep(Duration::from_micros(left)).await;
            };
            tokio::select! {
                // An error means that the server is gone, and the call with it.
                changed = self.known.changed() => if changed.is_err() { return Error::Stopping },
                () = expired => {}
            }
        }
    }
}

/// Whose token it is, if it is worth anything now.
fn find<'a>(known: &'a [Known], token_sha256: &[u8; 32], now: Micros) -> Option<&'a Known> {
    // All of them, whichever it is: the time tells nothing.
    let mut found = None;
    for known in known {
        let is_valid = known.expires_at.is_none_or(|expires_at| now < expires_at);
        if bool::from(known.token_sha256.ct_eq(token_sha256)) && is_valid {
            found = Some(known);
        }
    }
    found
}

/// The hash of the token that a call shows, where it shows one.
fn shown(headers: &HeaderMap) -> Result<Option<[u8; 32]>, Error> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = given.next() else { return Ok(None) };
    // RFC 9110, section 11.1: the scheme in any case, then one space or more.
    let (scheme, token) = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .filter(|_| given.next().is_none())
        .ok_or(Error::UnknownCaller)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Error::UnknownCaller);
    }
    Ok(Some(Sha256::digest(token.trim_start_matches(' ')).into()))
}

/// The person who acts, where one is named.
fn actor_name(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let mut given = headers.get_all(ACTOR).iter();
    let Some(value) = given.next().filter(|value| !value.is_empty()) else { return Ok(None) };
    if given.next().is_some() {
        return Err(Error::invalid(ACTOR, "must be given once"));
    }
    let name = std::str::from_utf8(value.as_bytes())
        .map_err(|_| Error::invalid(ACTOR, "must be UTF-8"))?
        .trim();
    text::one_line(name).map_err(|rule| Error::invalid(ACTOR, rule))?;
    if text::is_blank(name) {
        return Err(Error::invalid(ACTOR, "is empty"));
    }
    if name.chars().count() > MAX_ACTOR_CHARS {
        let rule = format!("is longer than {MAX_ACTOR_CHARS} characters");
        return Err(Error::invalid(ACTOR, rule));
    }
    Ok(Some(name.to_owned()))
}
