//! The models behind actix-web: one worker.

use std::net::Ipv4Addr;

use actix_web::error::ErrorUnprocessableEntity;
use actix_web::web::{Data, Json, get, post};
use actix_web::{App, HttpServer, Result};
use tamis_peers::forest::Iris;
use tamis_peers::toxicity::Verdict;
use tamis_peers::{Features, Service, Text, port};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let service = Data::new(Service::load());
    let app = move || {
        App::new()
            .app_data(service.clone())
            .route("/predict", post().to(predict))
            .route("/analyze", post().to(analyze))
            .route("/metrics", get().to(metrics))
    };
    HttpServer::new(app).workers(1).bind((Ipv4Addr::LOCALHOST, port()))?.run().await
}

async fn predict(service: Data<Service>, body: Json<Features>) -> Json<Iris> {
    Json(service.predict(&body))
}

async fn analyze(service: Data<Service>, body: Json<Text>) -> Result<Json<Verdict>> {
    service.analyze(&body).map(Json).ok_or_else(|| ErrorUnprocessableEntity("the text has nothing to score"))
}

async fn metrics(service: Data<Service>) -> String {
    service.metrics()
}
