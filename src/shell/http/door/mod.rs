//! The door of the HTTP interface: who comes in, by which connection, and what they may do.

mod attempts;
mod heartbeat_keys;
mod logins;
mod origin;
mod prefix;
mod refusal;
#[cfg(test)]
mod tests;

pub(super) use prefix::{Way, way};

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;
use tracing::{info, warn};

use self::attempts::Attempts;
use self::heartbeat_keys::{HeartbeatKeys, KeyVerdict};
use self::logins::{Credentials, Login, Logins, Question, Remembered};
use self::origin::{Origin, is_preflight};
use self::refusal::Refusal;
use super::access::{Need, need};
use super::actor::{Actor, Peer};
use crate::config::{HEARTBEAT_KEY_BYTES_MIN, HeartbeatKey, Plan, Role, Roles, Web};
use crate::model::Timestamp;
use crate::shell::clock::Clock;
use crate::shell::secret::FileError;
use crate::shell::telemetry::Metrics;
use crate::shell::tls::TlsError;
use crate::shell::tls_server::{ServerMaterial, server_config};

/// How often files of certificates, passwords and tokens are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);
/// How long a client may be silent within a body.
const BODY_PATIENCE: Duration = Duration::from_secs(30);
/// How many passwords are hashed at a time.
const HASHING_MAX: usize = 4;

/// The door cannot be made as configured. Holds no secrets.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// A file of a secret cannot be read.
    #[error("web: {0}")]
    File(#[from] FileError),
    /// The certificate cannot be used.
    #[error("web.tls: {0}")]
    Tls(#[from] TlsError),
    /// The secret of a user or token is empty.
    #[error("web: the secret of `{0}` is empty")]
    Empty(String),
    /// What should be the hash of a password is none.
    #[error("web: the password hash of `{0}` is no bcrypt hash")]
    NoHash(String),
    /// The key of a heartbeat can be guessed.
    #[error("heartbeats: the key of `{0}` has less than {HEARTBEAT_KEY_BYTES_MIN} characters")]
    ShortKey(String),
}

/// What the files that the door needs held when they were read.
#[derive(Clone, Default, PartialEq, Eq)]
struct Material {
    logins: Logins,
    heartbeat_keys: HeartbeatKeys,
    tls: Option<ServerMaterial>,
}

/// What the door goes by: the configuration, and what its files held.
pub struct DoorRules {
    web: Web,
    heartbeat_keys: Vec<HeartbeatKey>,
    external_url: String,
    material: Material,
    tls: Option<Arc<rustls::ServerConfig>>,
    /// Kept over changes; only who is still there with the same secret is let in by it.
    remembered: Arc<Mutex<Remembered>>,
    /// One permit for each request that is worked on, each connection, each password that is hashed.
    requests: Arc<Semaphore>,
    connections: Arc<Semaphore>,
    hashing: Arc<Semaphore>,
}

impl DoorRules {
    /// Reads what `plan` says of the door, and the files that it names.
    ///
    /// # Errors
    ///
    /// [`DoorError`]
    pub async fn read(plan: &Plan) -> Result<DoorRules, DoorError> {
        let keys = plan.heartbeat_keys.clone();
        let material = Material::read(&plan.web, &keys).await?;
        DoorRules::new(plan.web.clone(), keys, plan.engine.external_url.clone(), material)
    }

    fn new(
        web: Web,
        heartbeat_keys: Vec<HeartbeatKey>,
        external_url: String,
        material: Material,
    ) -> Result<DoorRules, DoorError> {
        let tls = match (&web.tls, &material.tls) {
            (Some(config), Some(material)) => Some(Arc::new(server_config(config, material)?)),
            _ => None,
        };
        let places = |count: usize| Arc::new(Semaphore::new(count.clamp(1, Semaphore::MAX_PERMITS)));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // No more at a time than may fail: what waits finds out whether the same credentials were right meanwhile.
        let hashing = cores.min(HASHING_MAX).min(web.limits.failed_logins_per_minute);
        Ok(DoorRules {
            tls,
            remembered: Arc::default(),
            requests: places(web.limits.concurrent_requests_max),
            connections: places(web.limits.connections_max),
            hashing: places(hashing),
            web,
            heartbeat_keys,
            external_url,
            material,
        })
    }

    /// Who had these credentials not long ago.
    fn recall(&self, sum: &[u8; 32], now: Timestamp) -> Option<Login> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).get(sum, &self.material.logins, now)
    }

    fn remember(&self, sum: [u8; 32], login: &Login, now: Timestamp) {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).insert(sum, login, &self.material.logins, now);
    }
}

impl Material {
    async fn read(web: &Web, keys: &[HeartbeatKey]) -> Result<Material, DoorError> {
        let tls = match &web.tls {
            Some(tls) => Some(ServerMaterial::read(tls).await?),
            None => None,
        };
        Ok(Material { logins: Logins::read(web).await?, heartbeat_keys: HeartbeatKeys::read(keys).await?, tls })
    }
}

/// The door; clones are the same one.
#[derive(Clone)]
pub struct Door(Arc<Inner>);

struct Inner {
    rules: RwLock<Arc<DoorRules>>,
    attempts: Mutex<Attempts>,
    /// Whether the last connection had to wait for its place.
    is_full: AtomicBool,
    clock: Clock,
    metrics: Arc<Metrics>,
}

impl Door {
    /// A door that goes by `rules`.
    pub fn new(rules: DoorRules, clock: Clock, metrics: Arc<Metrics>) -> Self {
        let (rules, attempts) = (RwLock::new(Arc::new(rules)), Mutex::default());
        Door(Arc::new(Inner { rules, attempts, is_full: AtomicBool::new(false), clock, metrics }))
    }

    /// From now on goes by `rules`; who is inside stays.
    pub fn replace(&self, mut rules: DoorRules) {
        let mut current = self.0.rules.write().unwrap_or_else(PoisonError::into_inner);
        // Who waits for a place waits for one of the new ones.
        current.connections.close();
        rules.remembered = current.remembered.clone();
        *current = Arc::new(rules);
    }

    fn rules(&self) -> Arc<DoorRules> {
        Arc::clone(&self.0.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Says what of the configuration lets strangers in who come by `listen`.
    pub fn warn_of_strangers(&self, listen: &str) {
        let rules = self.rules();
        let host = listen.rsplit_once(':').map_or(listen, |(host, _)| host).trim_matches(['[', ']']);
        let is_local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        if is_local {
            return;
        }
        if rules.web.anonymous.allow(Role::Admin) {
            warn!(listen, "whoever reaches this address may change everything; name `web.users` or `web.tokens`");
        } else if rules.tls.is_none() && !rules.material.logins.is_empty() {
            warn!(listen, "passwords and tokens travel in the clear; set `web.tls`, or let a proxy do TLS");
        }
    }

    /// Looks again and again whether files of certificates, passwords and tokens hold something else, and goes by that then.
    pub async fn watch(self) {
        let mut ticks = tokio::time::interval(LOOK_INTERVAL);
        let mut told = None;
        loop {
            ticks.tick().await;
            match self.refresh().await {
                Ok(false) => told = None,
                Ok(true) => info!("certificates, passwords or tokens of `web` have changed and were read again"),
                Err(error) => {
                    let text = error.to_string();
                    if told.as_ref() != Some(&text) {
                        warn!(%error, "changed files cannot be used; what they held before counts on");
                    }
                    told = Some(text);
                }
            }
        }
    }

    /// Reads the files again; returns whether they hold something else.
    pub(super) async fn refresh(&self) -> Result<bool, DoorError> {
        let rules = self.rules();
        let material = Material::read(&rules.web, &rules.heartbeat_keys).await?;
        if material == rules.material {
            return Ok(false);
        }
        let mut fresh =
            DoorRules::new(rules.web.clone(), rules.heartbeat_keys.clone(), rules.external_url.clone(), material)?;
        (fresh.requests, fresh.connections) = (rules.requests.clone(), rules.connections.clone());
        fresh.remembered = rules.remembered.clone();
        let mut current = self.0.rules.write().unwrap_or_else(PoisonError::into_inner);
        // A reload meanwhile has read the files itself.
        if Arc::ptr_eq(&current, &rules) {
            *current = Arc::new(fresh);
        }
        Ok(true)
    }

    /// A place for one more connection, as soon as there is one.
    pub(super) async fn connection_place(&self) -> OwnedSemaphorePermit {
        loop {
            let places = self.rules().connections.clone();
            let is_full = places.available_permits() == 0 && !places.is_closed();
            if is_full {
                self.0.metrics.http_refused("connections");
            }
            if !self.0.is_full.swap(is_full, Ordering::Relaxed) && is_full {
                warn!("there are as many connections as `web.max_connections` allows; further ones wait");
            }
            // Closed: there are other rules now.
            if let Ok(place) = places.acquire_owned().await {
                return place;
            }
        }
    }

    /// How connections are encrypted; `None` for not at all.
    pub(super) fn tls(&self) -> Option<Arc<rustls::ServerConfig>> {
        self.rules().tls.clone()
    }

    /// What stands before every path.
    pub(super) fn way(&self, uri: &axum::http::Uri) -> Way {
        way(&self.rules().web.route_prefix, uri)
    }

    /// The address of the root.
    pub(super) fn root(&self) -> String {
        format!("{}/", self.rules().web.route_prefix)
    }

    /// Counts a connection that came to nothing.
    pub(super) fn handshake_failed(&self) {
        self.0.metrics.http_refused("handshake");
    }

    /// Lets `request` in, with its [`Actor`]; the permit is for as long as it is worked on.
    async fn admit(&self, rules: &DoorRules, request: &mut Request) -> Result<Option<OwnedSemaphorePermit>, Refusal> {
        let address = request.extensions().get::<Peer>().map(|peer| peer.0);
        let pattern = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
        let need = need(request.method(), pattern);
        if need == Need::Nothing {
            return Ok(None);
        }
        let now = self.0.clock.now();
        let key = match need {
            Need::KeyOr(_) => rules.material.heartbeat_keys.judge(request.uri(), request.headers()),
            _ => KeyVerdict::NotNeeded,
        };
        let actor = match &key {
            KeyVerdict::Right(name) => {
                Actor { name: format!("heartbeat {name}").into(), roles: Roles::from(Role::Write), address }
            }
            _ => self.identify(rules, request.headers(), address, now).await?,
        };
        let allowed = match need {
            Need::Nothing => true,
            Need::Any => !actor.roles.is_empty(),
            Need::Role(role) => actor.roles.allow(role),
            // A key is asked of everybody who does not log in.
            Need::KeyOr(role) => {
                let is_held_up = matches!(key, KeyVerdict::Wrong | KeyVerdict::None) && actor.is_anonymous();
                actor.roles.allow(role) && !is_held_up
            }
        };
        if !allowed && actor.is_anonymous() && key != KeyVerdict::NotNeeded {
            warn!(
                path = request.uri().path(),
                address = address.map(tracing::field::display),
                "no key of the heartbeat"
            );
            return Err(Refusal::Key);
        }
        if !allowed {
            return Err(match need {
                Need::Role(role) | Need::KeyOr(role) if !actor.is_anonymous() || rules.material.logins.is_empty() => {
                    Refusal::Role { role, actor }
                }
                _ => Refusal::Credentials,
            });
        }
        let changes = matches!(need, Need::Role(Role::Write | Role::Respond | Role::Admin) | Need::KeyOr(_));
        let is_foreign = |origin: &Origin| {
            !origin.is_among(&rules.web.cors_origins) && !origin.is_own(request.headers(), &rules.external_url)
        };
        if changes && Origin::of(request.headers()).is_some_and(|origin| is_foreign(&origin)) {
            return Err(Refusal::Origin);
        }
        let place = rules.requests.clone().try_acquire_owned().map_err(|_| Refusal::Requests)?;
        request.extensions_mut().insert(actor);
        Ok(Some(place))
    }

    /// Who makes a request with these headers.
    async fn identify(
        &self,
        rules: &DoorRules,
        headers: &HeaderMap,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Actor, Refusal> {
        let logins = &rules.material.logins;
        let Some(header) = headers.get(header::AUTHORIZATION).filter(|_| !logins.is_empty()) else {
            return Ok(Actor::anonymous(rules.web.anonymous, address));
        };
        let credentials = Credentials::read(header.as_bytes()).ok_or(Refusal::Credentials)?;
        let sum = credentials.sum();
        let known = match rules.recall(&sum, now) {
            Some(login) => Some(login),
            None => self.verify(rules, &credentials, address.unwrap_or(Ipv4Addr::UNSPECIFIED.into()), now).await?,
        };
        match known {
            Some(Login { name, roles }) => Ok(Actor { name, roles, address }),
            None => {
                let user = match &credentials {
                    Credentials::Basic(name, _) if logins.has_user(name) => name,
                    // What is no user's name may be a password at the wrong place.
                    Credentials::Basic(..) => "<unknown>",
                    Credentials::Bearer(_) => "<token>",
                };
                warn!(user, address = address.map(tracing::field::display), "login failed");
                Err(Refusal::Credentials)
            }
        }
    }

    /// Whose credentials these are; who guesses too often is refused.
    async fn verify(
        &self,
        rules: &DoorRules,
        credentials: &Credentials,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Option<Login>, Refusal> {
        let per_minute = rules.web.limits.failed_logins_per_minute;
        let attempts = || self.0.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = credentials.sum();
        let (password, hash, user) = match rules.material.logins.ask(credentials) {
            Question::Answered(login) => {
                let mut attempts = attempts();
                attempts.begin(address, per_minute, now).map_err(Refusal::Logins)?;
                if let Some(login) = &login {
                    attempts.succeeded(address);
                    rules.remember(sum, login, now);
                }
                return Ok(login);
            }
            Question::Hash(password, hash, user) => (password, hash, user),
        };
        let place = rules.hashing.clone().acquire_owned().await.map_err(|_| Refusal::Requests)?;
        // While this one waited, the same credentials may have been found right.
        if let Some(login) = rules.recall(&sum, now) {
            return Ok(Some(login));
        }
        attempts().begin(address, per_minute, now).map_err(Refusal::Logins)?;
        // The work goes on, and keeps its place, also when the client has gone.
        let hashed =
            tokio::task::spawn_blocking(move || (bcrypt::verify(password, &hash).unwrap_or(false), place)).await;
        let (is_right, place) = hashed.map_or((false, None), |(is_right, place)| (is_right, Some(place)));
        let login = user.filter(|_| is_right);
        if let Some(login) = &login {
            attempts().succeeded(address);
            rules.remember(sum, login, now);
        }
        // Not before: who waits for the place is to find what was found out.
        drop(place);
        Ok(login)
    }
}

/// `routes` behind `door`.
pub(super) fn behind(door: Door, routes: Router) -> Router {
    routes
        .layer(RequestBodyTimeoutLayer::new(BODY_PATIENCE))
        .layer(from_fn_with_state(door, guard))
        .layer(CatchPanicLayer::new())
}

/// Stands before every route: finds out who comes, and lets in who may.
async fn guard(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    let rules = door.rules();
    let page = Origin::of(request.headers()).filter(|origin| origin.is_among(&rules.web.cors_origins));
    if let Some(page) = page.as_ref().filter(|_| is_preflight(request.method(), request.headers())) {
        return page.preflight();
    }
    let mut response = match door.admit(&rules, &mut request).await {
        Ok(place) => {
            let response = next.run(request).await;
            drop(place);
            response
        }
        Err(refusal) => {
            door.0.metrics.http_refused(refusal.reason());
            refusal.response(request.uri().path(), rules.material.logins.has_tokens())
        }
    };
    if let Some(page) = &page {
        page.allow(&mut response);
    }
    response
}
