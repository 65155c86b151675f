//! The server: its parts, how it is put together, and the service it is to clients.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::FutureExt;
use http::{Request, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use machinery::status::Status;
use serde_json::json;
use store::Store;

use crate::Refused;
use crate::admission::{Chain, Plugin};
use crate::auth::{Authorizer, MastersOnly, User};
use crate::body::{Body, BodyError};
use crate::connect::Connector;
use crate::environment::{Clock, Identifiers};
use crate::kinds::{KindSet, Registry};
use crate::reader::Reader;
use crate::{answer, router};

/// Bodies of requests may have this many bytes, as in every Kubernetes API.
const REQUEST_LIMIT_BYTES: usize = 3 * 1024 * 1024;

/// Namespaces that are always there.
const STANDING_NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// The Kubernetes API over one store. Clones are handles of the same server.
#[derive(Clone)]
pub struct ApiServer {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    registry: RwLock<Arc<Registry>>,
    clock: Arc<dyn Clock>,
    identifiers: Arc<dyn Identifiers>,
    admission: Chain,
    connectors: BTreeMap<(String, String), Connector>,
    authorizer: Arc<dyn Authorizer>,
    user: User,
    version: ServerVersion,
    /// One change of a custom definition at a time: names are granted in order.
    definitions: tokio::sync::Mutex<()>,
}

/// What `/version` says.
#[derive(Clone, Debug)]
pub struct ServerVersion {
    /// Major number.
    pub major: String,
    /// Minor number.
    pub minor: String,
    /// The whole version, with its `v`.
    pub git_version: String,
}

impl Default for ServerVersion {
    fn default() -> Self {
        Self { major: "1".into(), minor: "36".into(), git_version: "v1.36.3".into() }
    }
}

/// Why a server could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A part that has no default was not given.
    #[error("the API server was built without {0}")]
    Missing(&'static str),
    /// The store refused the first writes.
    #[error("the store refused {key}: {source}")]
    Store {
        /// What was written.
        key: String,
        /// The store's answer.
        source: store::CommitError,
    },
}

/// Puts a server together.
pub struct Builder {
    store: Store,
    kinds: KindSet,
    clock: Option<Arc<dyn Clock>>,
    identifiers: Option<Arc<dyn Identifiers>>,
    plugins: Vec<Plugin>,
    connectors: BTreeMap<(String, String), Connector>,
    authorizer: Arc<dyn Authorizer>,
    user: User,
    version: ServerVersion,
}

impl Builder {
    /// Built-in kinds; all of [`KindSet::builtin`] unless said otherwise.
    #[must_use]
    pub fn kinds(mut self, kinds: &KindSet) -> Self {
        self.kinds = kinds.clone();
        self
    }

    /// The clock. Required.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// The source of uids and generated names. Required.
    #[must_use]
    pub fn identifiers(mut self, identifiers: impl Identifiers) -> Self {
        self.identifiers = Some(Arc::new(identifiers));
        self
    }

    /// Admission plugins, in the order in which they run.
    #[must_use]
    pub fn admission(mut self, plugins: Vec<Plugin>) -> Self {
        self.plugins = plugins;
        self
    }

    /// Who answers a connecting subresource, for example `("pods", "portforward")`.
    #[must_use]
    pub fn connector(mut self, resource: &str, subresource: &str, connector: Connector) -> Self {
        self.connectors.insert((resource.to_owned(), subresource.to_owned()), connector);
        self
    }

    /// Who may do what; [`MastersOnly`] unless said otherwise.
    #[must_use]
    pub fn authorizer(mut self, authorizer: impl Authorizer) -> Self {
        self.authorizer = Arc::new(authorizer);
        self
    }

    /// The user of requests that carry no [`User`] in their extensions (in-process clients); the process itself unless
    /// said otherwise.
    #[must_use]
    pub fn default_user(mut self, user: User) -> Self {
        self.user = user;
        self
    }

    /// What `/version` says.
    #[must_use]
    pub fn version(mut self, version: ServerVersion) -> Self {
        self.version = version;
        self
    }

    /// Builds the server: reads the custom definitions that the store holds, and makes the standing namespaces.
    pub async fn build(self) -> Result<ApiServer, BuildError> {
        let inner = Inner {
            store: self.store,
            registry: RwLock::new(Arc::new(Registry::new(self.kinds))),
            clock: self.clock.ok_or(BuildError::Missing("a clock"))?,
            identifiers: self.identifiers.ok_or(BuildError::Missing("a source of identifiers"))?,
            admission: Chain::new(self.plugins),
            connectors: self.connectors,
            authorizer: self.authorizer,
            user: self.user,
            version: self.version,
            definitions: tokio::sync::Mutex::new(()),
        };
        let server = ApiServer { inner: Arc::new(inner) };
        crate::kinds::definition::load(&server);
        server.make_namespaces().await?;
        Ok(server)
    }
}

impl ApiServer {
    /// Starts to put a server together over a store.
    pub fn builder(store: Store) -> Builder {
        Builder {
            store,
            kinds: KindSet::builtin(),
            clock: None,
            identifiers: None,
            plugins: Vec::new(),
            connectors: BTreeMap::new(),
            authorizer: Arc::new(MastersOnly),
            user: User::internal(),
            version: ServerVersion::default(),
        }
    }

    /// Synchronous access to the stored objects.
    pub fn reader(&self) -> Reader {
        Reader::new(self.clone())
    }

    /// The kinds of this moment.
    pub fn registry(&self) -> Arc<Registry> {
        self.inner.registry.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the kinds; whoever has the old registry keeps it until done.
    pub(crate) fn change_registry(&self, change: impl FnOnce(&mut Registry)) {
        let mut held = self.inner.registry.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut held));
    }

    /// The store underneath.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(crate) fn now(&self) -> jiff::Timestamp {
        self.inner.clock.now()
    }

    pub(crate) fn identifiers(&self) -> &dyn Identifiers {
        &*self.inner.identifiers
    }

    pub(crate) fn admission(&self) -> &Chain {
        &self.inner.admission
    }

    pub(crate) fn authorizer(&self) -> &dyn Authorizer {
        &*self.inner.authorizer
    }

    pub(crate) fn connector(&self, resource: &str, subresource: &str) -> Option<&Connector> {
        self.inner.connectors.get(&(resource.to_owned(), subresource.to_owned()))
    }

    pub(crate) fn connectors(&self) -> impl Iterator<Item = (&str, &str)> {
        self.inner.connectors.keys().map(|(resource, subresource)| (resource.as_str(), subresource.as_str()))
    }

    pub(crate) fn version(&self) -> &ServerVersion {
        &self.inner.version
    }

    pub(crate) fn definitions(&self) -> &tokio::sync::Mutex<()> {
        &self.inner.definitions
    }

    async fn make_namespaces(&self) -> Result<(), BuildError> {
        let registry = self.registry();
        let Some(kind) = registry.find("", "namespaces") else { return Ok(()) };
        for name in STANDING_NAMESPACES {
            let key = kind.key(None, name);
            if self.store().get(&key).is_some() {
                continue;
            }
            let object = json!({
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {
                    "name": name,
                    "uid": self.identifiers().uid(),
                    "creationTimestamp": crate::time_text(self.now()),
                    "labels": {"kubernetes.io/metadata.name": name},
                },
                "spec": {"finalizers": ["kubernetes"]},
                "status": {"phase": "Active"},
            });
            let encoded = crate::object::Encoded::new(&object);
            let change = move |revision| store::Change::Put(encoded.with_version(revision));
            match self.store().commit(&key, store::Precondition::Absent, change).await {
                Ok(_) | Err(store::CommitError::Conflict { .. }) => {}
                Err(source) => return Err(BuildError::Store { key, source }),
            }
        }
        Ok(())
    }

    /// Answers one request whose body has been read.
    async fn answer(&self, mut parts: http::request::Parts, body: Bytes) -> Response<Body> {
        let user = parts.extensions.remove::<User>().unwrap_or_else(|| self.inner.user.clone());
        router::answer(self, user, parts, body).await
    }
}

async fn read_body<B>(body: B) -> Result<Bytes, Refused>
where
    B: http_body::Body,
    B::Error: Into<BodyError>,
{
    match Limited::new(body, REQUEST_LIMIT_BYTES).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Status::too_large(format!("limit is {REQUEST_LIMIT_BYTES}")).into())
        }
        Err(error) => Err(Status::bad_request(format!("the body could not be read: {error}")).into()),
    }
}

impl<B> tower::Service<Request<B>> for ApiServer
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BodyError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let server = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let path = parts.uri.path().to_owned();
            let method = parts.method.clone();
            let work = async {
                let body = read_body(body).await?;
                Ok::<_, Refused>(server.answer(parts, body).await)
            };
            // A defect in one handler must not take the connection's other requests with it.
            let response = match AssertUnwindSafe(work).catch_unwind().await {
                Ok(Ok(response)) => response,
                Ok(Err(status)) => answer::refusal(&status),
                Err(_) => {
                    tracing::error!(%method, %path, "a request handler panicked");
                    answer::refusal(&Status::internal("the request handler failed"))
                }
            };
            Ok(response)
        })
    }
}
