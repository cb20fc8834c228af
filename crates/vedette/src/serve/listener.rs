//! The one port: TLS with HTTP/2 and HTTP/1.1, bounded in connections and patience.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::House;
use super::health;
use super::patience::{self, Marked, Patience};
use super::request_body::RequestBody;
use super::sources::Sources;

/// Connections at a time; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 12_000;
/// Longest TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
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
    sources: Arc<Sources>,
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
        let Some(counted) = sources.admit(peer.ip()) else {
            tracing::debug!(%peer, "the address has too many connections");
            continue;
        };
        let (acceptor, routes, server) = (acceptor.clone(), routes.clone(), Arc::clone(&server));
        let watcher = graceful.watcher();
        tokio::spawn(async move {
            if let Some(tls) = handshake(acceptor, stream).await {
                let patience = Arc::new(Patience::default());
                let service = service(routes, peer, Arc::clone(&patience));
                let marked = Marked { stream: tls, patience: Arc::clone(&patience) };
                let connection = server.serve_connection(TokioIo::new(marked), service);
                match patience.bear(watcher.watch(connection.into_owned())).await {
                    Some(Ok(())) => {}
                    Some(Err(error)) => tracing::debug!(%peer, %error, "a connection ended badly"),
                    None => tracing::debug!(%peer, "an idle connection is ended"),
                }
            }
            drop((place, counted));
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
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(patience::REST)
        .max_buf_size(64 * 1024);
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

/// The routes, told where each request comes from; requests leave their marks.
pub(super) fn service(
    routes: Router,
    peer: SocketAddr,
    patience: Arc<Patience>,
) -> impl Service<
    hyper::Request<Incoming>,
    Response = axum::response::Response,
    Error = std::convert::Infallible,
    Future: Send,
> {
    service_fn(move |mut request: hyper::Request<Incoming>| {
        let busy = patience.request(request.version());
        request.extensions_mut().insert(ConnectInfo(peer));
        let request = request.map(|body| Body::new(RequestBody::new(body, busy.clone())));
        let answering = routes.clone().oneshot(request);
        async move {
            let answer = answering.await;
            drop(busy);
            answer
        }
    })
}
