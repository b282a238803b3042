//! Request and reply, as users of aiomsg write it.

use std::convert::Infallible;
use std::sync::Arc;

use aiomsg::layer::{ReplyLayer, Requests};
use aiomsg::parts::layers::request::Request;
use aiomsg::{AckMode, Socket, SocketBuilder};
use bytes::Bytes;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::{Aiomsg, End};
use crate::drive::{self, Caller, Served};
use crate::library::{Failure, Job, Outcome};
use crate::parent::Parent;

/// Asks through the service of `Requests`.
pub(super) async fn client(job: &Job, parent: &Parent) -> Outcome {
    let requests = Requests::new();
    let build = |builder: SocketBuilder| builder.receive_layer(requests.answers()).build();
    let End(socket) = open(job, parent, build).await?;
    let asking = Asking {
        service: requests.layer().layer(socket.clone()),
        socket,
    };
    drive::call(job, parent, asking).await
}

/// Answers with what it is asked.
pub(super) async fn server(job: &Job, parent: &Parent) -> Outcome {
    let build = |builder: SocketBuilder| builder.ack_mode(AckMode::Handled).build();
    let End(socket) = open(job, parent, build).await?;
    let served = Arc::<Served>::default();
    let counting = Arc::clone(&served);
    let handler = ReplyLayer::new().layer(service_fn(move |request: Bytes| {
        counting.note();
        async { Ok::<_, Infallible>(request) }
    }));
    let serving = tokio::spawn(socket.serve(handler));
    drive::serve(parent, &served, async { Ok(serving.await??) }).await
}

async fn open(
    job: &Job,
    parent: &Parent,
    build: impl Fn(SocketBuilder) -> Result<Socket, aiomsg::Error>,
) -> Result<End, Failure> {
    let end = Aiomsg::Plain.open(job, parent, build).await?.pop();
    end.ok_or_else(|| Failure::new("there is no socket"))
}

#[derive(Clone)]
struct Asking {
    service: Request<Socket>,
    socket: Socket,
}

impl Caller for Asking {
    type Answer = Bytes;

    async fn prepare(&mut self) -> Outcome {
        Ok(self.socket.wait_for_peers(1).await?)
    }

    async fn call(&mut self, request: Bytes) -> Result<Bytes, Failure> {
        Ok(self.service.ready().await?.call(request).await?)
    }
}
