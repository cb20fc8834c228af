//! The one port: TLS with HTTP/2 and HTTP/1.1, bounded in connections and patience.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::House;
use super::health;
use super::request_body::RequestBody;

/// Connections at a time; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 12_000;
/// Longest TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Longest wait for the headers of a request, and for the next request on an idle HTTP/1.1 connection: clients that do not
/// try again keep a connection for minutes while they are busy elsewhere. How many may wait is bounded.
const HEADERS: Duration = Duration::from_secs(15 * 60);
/// HTTP/2: how often a silent peer is asked whether it lives, and how long it may take to say so.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_WAIT: Duration = Duration::from_secs(20);
/// Streams of one HTTP/2 connection.
const STREAMS_MAX: u32 = 128;

/// Answers until told to stop; returns when the last connection has ended.
pub(super) async fn serve(
    listener: TcpListener,
    house: Arc<House>,
    audit: api::Audit,
    mut stopped: watch::Receiver<bool>,
) {
    let listener = match listener
        .set_nonblocking(true)
        .and_then(|()| tokio::net::TcpListener::from_std(listener))
    {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the port cannot be served"),
    };
    let acceptor = TlsAcceptor::from(house.tls.config());
    let routes = api::router_with_audit(Arc::new(doors(&house)), audit);
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    let server = Arc::new(server());
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stop| *stop) => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await; // out of file handles: do not spin
                continue;
            }
        };
        let (acceptor, routes, server) = (acceptor.clone(), routes.clone(), Arc::clone(&server));
        let watcher = graceful.watcher();
        tokio::spawn(async move {
            if let Some(tls) = handshake(acceptor, stream).await {
                let service = TowerToHyperService::new(with_peer(routes, peer));
                let connection = server.serve_connection(TokioIo::new(tls), service);
                if let Err(error) = watcher.watch(connection.into_owned()).await {
                    tracing::debug!(%peer, %error, "a connection ended badly");
                }
            }
            drop(place);
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

pub(super) fn doors(house: &House) -> api::House {
    api::House {
        identity: Arc::clone(&house.identity),
        arm: Arc::clone(&house.arm),
        tables: Arc::clone(&house.logs) as Arc<dyn model::Tables>,
        vaults: Arc::clone(&house.vaults),
        vault_audit: Arc::clone(&house.vault_audit),
        probe: Arc::new(super::probe::Network::new()),
        clock: Arc::clone(&house.clock),
        limits: api::Limits::default(),
        health: health::checks(house),
        version: env!("CARGO_PKG_VERSION"),
    }
}

pub(super) fn server() -> Builder<TokioExecutor> {
    let mut server = Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS).max_buf_size(64 * 1024);
    server
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_WAIT)
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(64 * 1024);
    server
}

async fn handshake(
    acceptor: TlsAcceptor,
    stream: TcpStream,
) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
    let _ = stream.set_nodelay(true); // an answer in two packets is slower, not wrong
    match timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(tls)) => Some(tls),
        Ok(Err(error)) => {
            tracing::debug!(%error, "no TLS handshake");
            None
        }
        Err(_) => None,
    }
}

/// The routes, told where each request comes from.
pub(super) fn with_peer(
    routes: Router,
    peer: SocketAddr,
) -> impl tower::Service<
    hyper::Request<hyper::body::Incoming>,
    Response = axum::response::Response,
    Error = std::convert::Infallible,
    Future: Send,
> + Clone {
    routes.map_request(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.map(|body| Body::new(RequestBody::new(body)))
    })
}
