//! One client: asks, checks, thinks, and asks again.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::answer::{Answer, Question};
use super::http1::Http1;
use super::http2::Http2;
use super::report::Tally;
use super::{Kind, Plan};

/// When a client gives up: longer than a request may wait for a container.
const ANSWER_WAIT: Duration = Duration::from_secs(40);

/// A client and its connection.
pub(crate) struct Client {
    kind: Kind,
    plan: Arc<Plan>,
    questions: Vec<Question>,
    wire: Wire,
    /// A part of the think time, so that not all ask in the same moment.
    begin_after: Duration,
    tally: Tally,
}

enum Wire {
    Http1(Http1),
    Http2(Box<Http2>),
}

impl Client {
    pub(crate) fn new(kind: Kind, plan: Arc<Plan>, number: usize, tally: Tally) -> Self {
        let wire = match (&plan.secure, kind) {
            (Some(secure), Kind::Http2) => Wire::Http2(Box::new(Http2::new(secure))),
            _ => Wire::Http1(Http1::new(plan.http_port, &plan.host)),
        };
        let questions = match kind {
            Kind::Post | Kind::Http2 => Question::posts(),
            Kind::Kept | Kind::Blind | Kind::Retry | Kind::Fresh => vec![Question::get()],
        };
        let part = u32::try_from(number).unwrap_or_default();
        let of = u32::try_from(plan.clients).unwrap_or(u32::MAX).max(1);
        Self {
            kind,
            begin_after: plan.think_time * part / of,
            plan,
            questions,
            wire,
            tally,
        }
    }

    /// Asks until it is told to stop; the last request is finished.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        sleep(self.begin_after).await;
        let questions = std::mem::take(&mut self.questions);
        for question in questions.iter().cycle() {
            if stop.is_cancelled() {
                return;
            }
            let (began, mut retried) = (Instant::now(), 0);
            let asked = timeout(ANSWER_WAIT, self.ask(question, &mut retried)).await;
            let answered = match asked {
                Ok(Ok(answer)) => question.check(&answer, &self.plan.name),
                Ok(Err(reason)) => Err(reason),
                Err(_) => {
                    self.wire.close();
                    Err("no answer in time".to_owned())
                }
            };
            self.tally.note(answered, retried, began.elapsed());
            let pause = sleep(self.plan.think_time);
            stop.run_until_cancelled(pause).await;
        }
    }

    async fn ask(&mut self, question: &Question, retried: &mut u64) -> Result<Answer, String> {
        let wire = match &mut self.wire {
            Wire::Http1(wire) => wire,
            Wire::Http2(wire) => return wire.ask(question, retried).await,
        };
        match self.kind {
            Kind::Blind => {}
            Kind::Kept | Kind::Post | Kind::Retry | Kind::Http2 => wire.look(),
            Kind::Fresh => wire.close(),
        }
        match wire.ask(question).await {
            Err(_) if self.kind == Kind::Retry => {
                *retried += 1;
                wire.ask(question).await
            }
            asked => asked,
        }
    }
}

impl Wire {
    fn close(&mut self) {
        match self {
            Self::Http1(wire) => wire.close(),
            Self::Http2(wire) => wire.close(),
        }
    }
}
