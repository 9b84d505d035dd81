//! One trial: a new container is asked until it has shown that it is ready.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use crate::probe::{Cadence, Check, HttpQuestion, Probe, Question, Verdict};
use crate::reconcile::overdue::LONG_WAIT;
use crate::routes::{Trial, TrialCheck};

/// How long one dial may take.
const DIAL_LIMIT: Duration = Duration::from_secs(2);

/// What a trial asks.
fn question(trial: &Trial) -> Check {
    let (question, timeout) = match &trial.check {
        TrialCheck::Path {
            path,
            status,
            limit,
        } => {
            let question = HttpQuestion {
                scheme: trial.scheme,
                host: trial.host.as_str().to_owned(),
                path: path.clone(),
                expected: status.clone(),
            };
            (Question::Http(question), *limit)
        }
        TrialCheck::Port => (Question::Tcp, DIAL_LIMIT),
    };
    Check {
        address: trial.address,
        question,
        timeout,
    }
}

/// Asks until the container shows what it must; says once why it does not, and in its first trial
/// also that it takes long.
pub(super) async fn try_again<P: Probe>(prober: P, trial: Trial, is_first: bool) -> Trial {
    let began = Instant::now();
    let cadence = Cadence::new(began, trial.timeout);
    let check = question(&trial);
    let (mut is_said, mut is_long) = (false, !is_first);
    while let Verdict::Unhealthy(reason) = prober.check(&check).await {
        let now = Instant::now();
        if !is_long && now >= began + LONG_WAIT && !cadence.is_overdue(now) {
            let (container, address) = (&trial.container, trial.address);
            let asked = match &trial.check {
                TrialCheck::Port => "whether it accepts a connection",
                TrialCheck::Path { path, .. } => path.as_str(),
            };
            info!(%container, %address, asked, waited = ?LONG_WAIT, until = ?trial.timeout, %reason, "The container is not ready yet, and takes no requests.");
            is_long = true;
        }
        if !is_said && cadence.is_overdue(now) {
            let (container, address) = (&trial.container, trial.address);
            warn!(%container, %address, after = ?trial.timeout, %reason, "The container is not ready and takes no requests; is the port right, and does the app listen on all addresses?");
            is_said = true;
        }
        sleep_until(cadence.next(now)).await;
    }
    trial
}
