//! Client applications, and authentication.

mod acting_user;
mod certificate;
mod check;
mod credentials;
mod jwt;
mod key_refresh;
mod keys;
mod permission;
mod scope;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, LazyLock},
};

use http::HeaderMap;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::watch;
use uuid::Uuid;

use super::{access, purpose};
use crate::{
    clock::Clock,
    error::Error,
    model::{IdentifierKind, Micros, Origin},
};

pub use crate::pb::{Purpose, Role};
pub use acting_user::ACTOR;
pub use certificate::{Certificate, CertificateRule, Name, Peer};
pub use jwt::{Issuer, JwtRule, KeySource};
pub use keys::{Algorithm, KeySet};
pub use permission::CallPermission;
pub use scope::{Scope, Unverified};

use check::Check;
use credentials::{PresentedCredentials, Token};
use jwt::{Jwt, Verified};
use key_refresh::KeyRefreshRequests;

/// All roles.
pub const ROLES: [Role; 5] =
    [Role::Recorder, Role::Reader, Role::Agent, Role::Supervisor, Role::PrivacyOfficer];

/// A client application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub name: Cow<'static, str>,
    /// Its roles, which determine the calls that it may make.
    pub roles: Vec<Role>,
    /// The kinds of identifiers that it may verify.
    pub verifies: Vec<IdentifierKind>,
    pub verifies_profile: bool,
    /// The default purpose of its calls.
    pub purpose: Option<Purpose>,
    pub actors: Actors,
    /// What it may see, and the channels that it works on.
    pub scope: Scope,
}

/// The users who may act through a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actors {
    /// Anybody, or nobody: a machine that acts by itself.
    Any,
    /// Anybody, but each call names the acting user.
    Named,
    /// One of these, whom each call names.
    These(BTreeSet<String>),
}

impl Caller {
    /// The caller of calls without a token: all roles, and no rights to verify.
    pub fn local() -> Self {
        Self {
            name: LOCAL.into(),
            roles: ROLES.to_vec(),
            verifies: Vec::new(),
            verifies_profile: false,
            purpose: Some(Purpose::Service),
            actors: Actors::Any,
            scope: Scope::ALL,
        }
    }
}

/// The name of the caller of calls without a token.
pub const LOCAL: &str = "local";

/// The actor of a call: the client application and the acting user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    caller: Arc<Caller>,
    /// The acting user, or the client application if no user is named.
    pub name: String,
    /// Whether a user is named.
    pub is_person: bool,
}

impl Actor {
    /// A call without a token that names no user.
    pub fn local() -> Self {
        let caller = Arc::new(Caller::local());
        Self { caller, name: LOCAL.to_owned(), is_person: false }
    }

    pub fn caller(&self) -> &str {
        &self.caller.name
    }

    /// The purpose of its call.
    pub fn purpose(&self, headers: &HeaderMap) -> Result<Purpose, Error> {
        purpose::of_call(headers, &self.caller)
    }

    pub fn scope(&self) -> &Scope {
        &self.caller.scope
    }

    pub fn has(&self, role: Role) -> bool {
        self.caller.roles.contains(&role)
    }

    /// Whether it may make the call of a path.
    pub fn may_call(&self, path: &str) -> bool {
        access::may_call(&self.caller.roles, path)
    }

    /// Whether identifiers of a kind that it marks as verified count as verified.
    pub fn verifies(&self, kind: IdentifierKind) -> bool {
        self.caller.verifies.contains(&kind)
    }

    /// The origin of data from this caller.
    pub fn origin(&self, source: String) -> Origin {
        Origin { source, verifies_profile: self.caller.verifies_profile }
    }

    /// The idempotency key of a call, derived from its request id so that callers cannot collide.
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

/// A caller with its credentials.
#[derive(Clone, Debug)]
pub struct Registered {
    pub caller: Caller,
    /// The SHA-256 of each token: two while one is being replaced.
    pub tokens_sha256: Vec<[u8; 32]>,
    /// Which tokens of an issuer belong to it.
    pub jwt: Option<JwtRule>,
    /// Its client certificate: required in addition to a token if it has one, otherwise sufficient
    /// alone.
    pub certificate: Option<CertificateRule>,
    /// When its credentials expire.
    pub expires_at: Option<Micros>,
}

impl Registered {
    /// A caller with only a token, which never expires.
    pub fn by_token(caller: Caller, token: &str) -> Self {
        Self {
            caller,
            tokens_sha256: vec![Sha256::digest(token).into()],
            jwt: None,
            certificate: None,
            expires_at: None,
        }
    }
}

/// The registry of callers and of the issuers of their tokens. Clones share it.
#[derive(Clone)]
pub struct Callers {
    known: Arc<watch::Sender<Arc<CallerRegistry>>>,
    asked: Arc<KeyRefreshRequests>,
    /// Whether unauthenticated calls are refused.
    alone: bool,
}

/// A snapshot of the registry.
#[derive(Clone, Default)]
struct CallerRegistry {
    callers: Arc<[(Arc<Caller>, Registered)]>,
    issuers: Arc<[Issuer]>,
    keys: BTreeMap<KeySource, Arc<KeySet>>,
}

/// No callers.
impl Default for Callers {
    fn default() -> Self {
        Self::new([])
    }
}

/// Prints no hash.
impl fmt::Debug for Callers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.known().callers.iter().map(|(caller, _)| caller)).finish()
    }
}

impl Callers {
    pub fn new(callers: impl IntoIterator<Item = Registered>) -> Self {
        Self::with_issuers(callers, [])
    }

    /// Callers, and the issuers of their tokens. The keys of the issuers are added later, by
    /// [`Callers::learn`].
    pub fn with_issuers(
        callers: impl IntoIterator<Item = Registered>,
        issuers: impl IntoIterator<Item = Issuer>,
    ) -> Self {
        let callers = callers.into_iter().map(|it| (Arc::new(it.caller.clone()), it)).collect();
        let issuers = issuers.into_iter().collect();
        let known = CallerRegistry { callers, issuers, keys: BTreeMap::new() };
        let known = Arc::new(watch::Sender::new(Arc::new(known)));
        Self { known, asked: Arc::default(), alone: false }
    }

    /// Refuses unauthenticated calls.
    pub fn alone(self) -> Self {
        Self { alone: true, ..self }
    }

    /// Replaces the callers and issuers for all clones, from the next call on. Known keys stay.
    pub fn replace(&self, others: &Self) {
        let others = others.known();
        self.known.send_modify(|known| {
            *known = Arc::new(CallerRegistry { keys: known.keys.clone(), ..(*others).clone() });
        });
    }

    /// Replaces the keys of a source.
    pub fn learn(&self, source: KeySource, keys: KeySet) {
        self.known.send_modify(|known| {
            Arc::make_mut(known).keys.insert(source, Arc::new(keys));
        });
    }

    /// The sources of the issuers' keys.
    pub fn key_sources(&self) -> BTreeSet<KeySource> {
        self.known().issuers.iter().map(|issuer| issuer.keys.clone()).collect()
    }

    /// Waits for calls with unknown keys, and returns the sources that may have them.
    pub async fn keys_asked_for(&self) -> BTreeSet<KeySource> {
        self.asked.wait().await
    }

    /// All callers with their credentials.
    pub fn registered(&self) -> Vec<Registered> {
        self.known().callers.iter().map(|(_, registered)| registered.clone()).collect()
    }

    /// The name of a caller with a certificate, if there is one.
    pub fn one_with_certificate(&self) -> Option<String> {
        let known = self.known();
        let found = known.callers.iter().find(|(_, it)| it.certificate.is_some());
        found.map(|(caller, _)| caller.name.clone().into_owned())
    }

    fn known(&self) -> Arc<CallerRegistry> {
        Arc::clone(&self.known.borrow())
    }

    /// Authenticates a call by its headers and its connection. The log says why a call is refused.
    pub fn actor(&self, headers: &HeaderMap, peer: &Peer, now: Micros) -> Result<Actor, Error> {
        let person = acting_user::named(headers);
        let unknown = |check| {
            tracing::debug!(?check, "the caller is unknown");
            Error::UnknownCaller
        };
        let found = PresentedCredentials::of(headers, peer)
            .and_then(|credentials| self.find(&credentials, now));
        let found = match found.map_err(unknown)? {
            Some(found) => found,
            None if self.alone => return Err(unknown(Check::Nothing)),
            None => {
                static LOCAL: LazyLock<Arc<Caller>> = LazyLock::new(|| Arc::new(Caller::local()));
                Found { caller: Arc::clone(&LOCAL), person: None, until: None }
            }
        };
        let Found { caller, person: certain, .. } = found;
        let person = match (certain, person?) {
            (Some(certain), Some(said)) if certain != said => return Err(unknown(Check::Actor)),
            (Some(certain), _) => Some(certain),
            (None, said) => said,
        };
        let is_person = person.is_some();
        let name = acting_user::acting(&caller, person)?;
        Ok(Actor { caller, name, is_person })
    }

    /// The permission that a long call of an actor depends on.
    pub fn right(
        &self,
        actor: &Actor,
        headers: &HeaderMap,
        peer: &Peer,
        path: &str,
        clock: Clock,
    ) -> CallPermission {
        let credentials =
            PresentedCredentials::of(headers, peer).ok().filter(|_| actor.caller() != LOCAL);
        let caller = actor.caller().to_owned();
        CallPermission { callers: self.clone(), credentials, caller, path: path.to_owned(), clock }
    }

    /// The caller whom the credentials belong to, if they are valid now. None: the call presented
    /// none, and may be anonymous.
    fn find(
        &self,
        credentials: &PresentedCredentials,
        now: Micros,
    ) -> Result<Option<Found>, Check> {
        let known = self.known();
        let found = match &credentials.token {
            Some(Token::Ours(sha256)) => known.by_token(sha256)?,
            Some(Token::Jwt(token)) => self.by_jwt(&known, token, now)?,
            None => match known.by_certificate(credentials.certificate.as_deref())? {
                Some(found) => found,
                None => return Ok(None),
            },
        };
        let (caller, registered, verified) = found;
        if registered.expires_at.is_some_and(|expires_at| expires_at <= now) {
            return Err(Check::CallerExpired);
        }
        if let Some(rule) = &registered.certificate
            && !credentials.certificate.as_ref().is_some_and(|credentials| rule.fits(credentials))
        {
            return Err(Check::Certificate);
        }
        let until = verified.as_ref().map(|verified| verified.expires_at);
        let until = [registered.expires_at, until].into_iter().flatten().min();
        let person = verified.and_then(|verified| verified.actor);
        if person.as_deref().is_some_and(|person| acting_user::check(person).is_err()) {
            return Err(Check::Actor);
        }
        Ok(Some(Found { caller: Arc::clone(caller), person, until }))
    }

    fn by_jwt<'a>(
        &self,
        known: &'a CallerRegistry,
        token: &str,
        now: Micros,
    ) -> Result<Match<'a>, Check> {
        let token = Jwt::read(token)?;
        let issuer = token.issuer(&known.issuers)?;
        // The keys of a new issuer may not have been read yet.
        let keys = known.keys.get(&issuer.keys).ok_or(Check::KeyId);
        let verified = keys.and_then(|keys| token.verify(issuer, keys, now));
        let verified = verified.inspect_err(|check| {
            if *check == Check::KeyId {
                self.asked.ask(&issuer.keys);
            }
        })?;
        let mut its = known.callers.iter().filter(|(_, registered)| {
            registered.jwt.as_ref().is_some_and(|rule| verified.fits(rule))
        });
        // A token that fits two callers identifies neither.
        let (Some((caller, registered)), None) = (its.next(), its.next()) else {
            return Err(Check::Subject);
        };
        Ok((caller, registered, Some(verified)))
    }
}

/// A caller, its registration, and the verified token of an issuer if it presented one.
type Match<'a> = (&'a Arc<Caller>, &'a Registered, Option<Verified>);

/// The caller whom the credentials belong to.
struct Found {
    caller: Arc<Caller>,
    /// The acting user, if the credentials name one.
    person: Option<String>,
    /// When the credentials expire.
    until: Option<Micros>,
}

impl CallerRegistry {
    fn by_token(&self, sha256: &[u8; 32]) -> Result<Match<'_>, Check> {
        // All hashes are compared, so that the time reveals nothing.
        let mut found = None;
        for (caller, registered) in &*self.callers {
            for one in &registered.tokens_sha256 {
                if bool::from(one.ct_eq(sha256)) {
                    found = Some((caller, registered, None));
                }
            }
        }
        found.ok_or(Check::Token)
    }

    /// None if there is no certificate, or it belongs to nobody. A caller that also has a token
    /// must present both.
    fn by_certificate(
        &self,
        credentials: Option<&Certificate>,
    ) -> Result<Option<Match<'_>>, Check> {
        let Some(credentials) = credentials else { return Ok(None) };
        let mut its = self.callers.iter().filter(|(_, registered)| {
            let is_alone = registered.tokens_sha256.is_empty() && registered.jwt.is_none();
            is_alone && registered.certificate.as_ref().is_some_and(|rule| rule.fits(credentials))
        });
        match (its.next(), its.next()) {
            (None, _) => Ok(None),
            (Some((caller, registered)), None) => Ok(Some((caller, registered, None))),
            (Some(_), Some(_)) => Err(Check::Certificate),
        }
    }
}
