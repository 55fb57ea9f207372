//! The models behind axum: one current-thread runtime, TCP_NODELAY.

use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use tamis_peers::forest::Iris;
use tamis_peers::toxicity::Verdict;
use tamis_peers::{Features, Service, Text, port};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::io::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(serve())
}

async fn serve() -> std::io::Result<()> {
    let app = Router::new()
        .route("/predict", post(predict))
        .route("/analyze", post(analyze))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(Service::load()));
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port())).await?;
    let listener = listener.tap_io(|socket| {
        let _ = socket.set_nodelay(true);
    });
    axum::serve(listener, app).await
}

async fn predict(State(service): State<Arc<Service>>, Json(body): Json<Features>) -> Json<Iris> {
    Json(service.predict(&body))
}

async fn analyze(State(service): State<Arc<Service>>, Json(body): Json<Text>) -> Result<Json<Verdict>, StatusCode> {
    service.analyze(&body).map(Json).ok_or(StatusCode::UNPROCESSABLE_ENTITY)
}

async fn metrics(State(service): State<Arc<Service>>) -> String {
    service.metrics()
}
