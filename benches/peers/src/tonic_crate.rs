//! The crate tonic: unary calls. The message and the service are written by hand,
//! as its code generator would, so that a build needs no protoc.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;
use std::task::{Context, Poll};

use aiomsg_bench::drive::{self, Caller, Served, block_on};
use aiomsg_bench::{Failure, Job, Library, Outcome, Parent};
use bytes::Bytes;
use http::uri::PathAndQuery;
use tonic::codegen::BoxFuture;
use tonic::server::NamedService;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status, body, client, server};
use tonic_prost::ProstCodec;
use tower::{Service, service_fn};

const PATH: &str = "/bench.Echo/Call";

pub(crate) struct Tonic;

impl Library for Tonic {
    fn name(&self) -> &'static str {
        "tonic"
    }

    fn client(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async {
            job.plain()?;
            let address = job.address.as_deref().unwrap_or_default();
            let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
            let asking = Asking(client::Grpc::new(endpoint.connect().await?));
            drive::call(job, parent, asking).await
        })
    }

    fn server(&self, job: &Job, parent: &Parent) -> Outcome {
        block_on(async {
            job.plain()?;
            let incoming = TcpIncoming::bind(([127, 0, 0, 1], 0).into())?.with_nodelay(Some(true));
            parent.listening(incoming.local_addr()?);
            let served = Arc::<Served>::default();
            let echo = Echo(Arc::clone(&served));
            let serving = Server::builder().add_service(echo);
            let serving = serving.serve_with_incoming(incoming);
            drive::serve(parent, &served, async { Ok(serving.await?) }).await
        })
    }
}

/// `message Payload { bytes payload = 1; }`
#[derive(Clone, PartialEq, prost::Message)]
struct Payload {
    #[prost(bytes = "bytes", tag = "1")]
    payload: Bytes,
}

impl AsRef<[u8]> for Payload {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        &self.payload
    }
}

type Codec = ProstCodec<Payload, Payload>;

#[derive(Clone)]
struct Asking(client::Grpc<Channel>);

impl Caller for Asking {
    type Answer = Payload;

    async fn call(&mut self, payload: Bytes) -> Result<Payload, Failure> {
        self.0.ready().await?;
        let request = Request::new(Payload { payload });
        let path = PathAndQuery::from_static(PATH);
        let response = self.0.unary(request, path, Codec::default()).await?;
        Ok(response.into_inner())
    }
}

/// Answers with what it is asked, whatever the path.
#[derive(Clone)]
struct Echo(Arc<Served>);

impl NamedService for Echo {
    const NAME: &'static str = "bench.Echo";
}

impl Service<http::Request<body::Body>> for Echo {
    type Response = http::Response<body::Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<body::Body>) -> Self::Future {
        let served = Arc::clone(&self.0);
        let answer = service_fn(move |request: Request<Payload>| {
            served.note();
            ready(Ok::<_, Status>(Response::new(request.into_inner())))
        });
        Box::pin(async move {
            let mut grpc = server::Grpc::new(Codec::default());
            Ok(grpc.unary(answer, request).await)
        })
    }
}
