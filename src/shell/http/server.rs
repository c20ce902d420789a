//! Connections: taken in one by one, encrypted if that is wanted, and ended when the service stops.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::actor::Peer;
use super::door::{Door, Way};
use super::patient::Patient;

/// How long requests under way may take to end when the service stops.
const STOP_PATIENCE: Duration = Duration::from_secs(5);
/// How long a client may take to agree on keys.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
/// How long a client may take for the head of a request, and a connection may be idle.
const HEAD_PATIENCE: Duration = Duration::from_secs(60);
/// How long to wait when the system has no connection to give.
const ACCEPT_RETRY: Duration = Duration::from_millis(500);

/// Serves until `stop` is cancelled; requests under way may end.
///
/// # Errors
///
/// None: a connection that fails is no failure of the server.
pub async fn serve(listener: TcpListener, routes: Router, door: Door, stop: CancellationToken) -> std::io::Result<()> {
    let connections = TaskTracker::new();
    loop {
        let next = async {
            let place = door.connection_place().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            next = next => next,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, address)) => {
                let connection = connection(stream, address, routes.clone(), door.clone(), stop.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(error) => {
                // Most likely there are too many files open, which passes.
                warn!(%error, "a connection cannot be taken");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
    drop(listener);
    connections.close();
    // What has not ended by then is cut off.
    drop(tokio::time::timeout(STOP_PATIENCE, connections.wait()).await);
    Ok(())
}

async fn connection(stream: TcpStream, address: SocketAddr, routes: Router, door: Door, stop: CancellationToken) {
    // Only less quick without.
    drop(stream.set_nodelay(true));
    let stream = Patient::new(stream);
    let Some(config) = door.tls() else { return answer(stream, address, routes, door, stop).await };
    let handshake = TlsAcceptor::from(Arc::clone(&config)).accept(stream);
    let encrypted = tokio::select! {
        outcome = tokio::time::timeout(HANDSHAKE_PATIENCE, handshake) => outcome,
        () = stop.cancelled() => return,
    };
    match encrypted {
        Ok(Ok(stream)) => answer(stream, address, routes, door, stop).await,
        Ok(Err(error)) => {
            door.handshake_failed();
            debug!(%address, %error, "no TLS connection");
        }
        Err(_) => {
            door.handshake_failed();
            debug!(%address, "no TLS connection in time");
        }
    }
}

/// Answers the requests of one connection.
async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    address: SocketAddr,
    routes: Router,
    door: Door,
    stop: CancellationToken,
) {
    let routes = TowerToHyperService::new(routes);
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        let way = door.way(request.uri());
        let (routes, door) = (routes.clone(), door.clone());
        async move {
            match way {
                Way::Inside(uri) => {
                    *request.uri_mut() = uri;
                    request.extensions_mut().insert(Peer(address.ip()));
                    routes.call(request).await
                }
                Way::Root => Ok(Redirect::temporary(&door.root()).into_response()),
                Way::Outside => Ok::<Response, Infallible>(StatusCode::NOT_FOUND.into_response()),
            }
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%address, %error, "a connection broke");
    }
}
