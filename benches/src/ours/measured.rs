//! aiomsg with metrics, and what they cost.

use std::time::Duration;

use aiomsg::layer::SendService;
use aiomsg::metrics::{MetricsLayer, SocketMetrics};
use aiomsg::{DeliveryGuarantee, Outbound, Socket, SocketBuilder};
use metrics_exporter_prometheus::PrometheusBuilder;
use tower::util::MapRequestLayer;

use super::Aiomsg;
use crate::drive::{self, Together, block_on};
use crate::library::{Failure, Job, Library, Outcome};
use crate::parent::Parent;

/// How often the exporter is asked.
const SCRAPES: Duration = Duration::from_millis(100);

pub(crate) enum Measured {
    /// A layer that does nothing: the price of any layer.
    Layered,
    /// A `MetricsLayer` around the send path.
    Counted,
    /// A `SocketMetrics`, which listens to acknowledgements.
    Watched,
}

impl Library for Measured {
    fn name(&self) -> &'static str {
        match self {
            Self::Layered => "aiomsg-layered",
            Self::Counted => "aiomsg-metrics",
            Self::Watched => "aiomsg-watched",
        }
    }

    fn sender(&self, job: &Job, parent: &Parent) -> Outcome {
        if job.addressed || job.tls.is_some() {
            return Err(Failure::Unsupported);
        }
        block_on(async {
            scraped()?;
            match self {
                Self::Layered => {
                    let layer = MapRequestLayer::new(|message: Outbound| message);
                    send(job, parent, |it| it.layer(layer.clone()).build()).await
                }
                Self::Counted => {
                    send(job, parent, |it| it.layer(MetricsLayer::send()).build()).await
                }
                Self::Watched => {
                    let build = |builder: SocketBuilder| {
                        let socket = builder.build()?;
                        tokio::spawn(SocketMetrics::new(&socket).every(SCRAPES));
                        Ok(socket)
                    };
                    send(job, parent, build).await
                }
            }
        })
    }

    fn receiver(&self, job: &Job, parent: &Parent) -> Outcome {
        Aiomsg::Plain.receiver(job, parent)
    }
}

async fn send<S: SendService + Send>(
    job: &Job,
    parent: &Parent,
    build: impl Fn(SocketBuilder) -> Result<Socket<S>, aiomsg::Error>,
) -> Outcome {
    let guarantee = match job.at_least_once {
        true => DeliveryGuarantee::AtLeastOnce,
        false => DeliveryGuarantee::AtMostOnce,
    };
    let build = |builder: SocketBuilder| build(builder.delivery_guarantee(guarantee));
    let ends = Aiomsg::Plain.open(job, parent, build).await?;
    drive::send(job, parent, Together::Tasks, ends).await
}

/// Installs an exporter that is asked often.
fn scraped() -> Outcome {
    let recorder = PrometheusBuilder::new().build_recorder();
    let page = recorder.handle();
    metrics::set_global_recorder(recorder)?;
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(SCRAPES);
        loop {
            ticks.tick().await;
            page.render();
        }
    });
    Ok(())
}
