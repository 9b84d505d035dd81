//! How a figure grows with the number of sites: fitted by least squares.

use std::fmt;

/// A curve explains a figure when it leaves less than this share of its variance.
const UNEXPLAINED_MAX: f64 = 0.2;
/// A figure that changes by less than this share of its mean is constant, whatever the curve.
const CHANGE_MIN: f64 = 0.25;

/// How it grows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Growth {
    /// Not by the number of sites.
    Constant,
    /// By so much with each tenfold.
    Logarithmic(f64),
    /// By so much with each thousand.
    Linear(f64),
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant => write!(f, "constant"),
            Self::Logarithmic(slope) => write!(f, "log, {slope:+.1} per ×10"),
            Self::Linear(slope) => write!(f, "linear, {slope:+.1} per 1,000"),
        }
    }
}

/// The curve that fits best; two points fit any.
pub(crate) fn growth(points: &[(f64, f64)]) -> Option<Growth> {
    if points.len() < 3 {
        return None;
    }
    let (log, linear) = (fit(points, f64::log10), fit(points, |n| n / 1e3));
    let (best, curve) = if log.residual < linear.residual {
        (log, Growth::Logarithmic(log.slope))
    } else {
        (linear, Growth::Linear(linear.slope))
    };
    let is_explained = best.residual < UNEXPLAINED_MAX * best.variance;
    let is_change = CHANGE_MIN * best.mean.abs() < best.change.abs();
    Some(if is_explained && is_change {
        curve
    } else {
        Growth::Constant
    })
}

#[derive(Debug, Clone, Copy)]
struct Fit {
    slope: f64,
    mean: f64,
    /// From the first point to the last, on the line.
    change: f64,
    residual: f64,
    variance: f64,
}

/// `y = a + b·basis(n)`.
fn fit(points: &[(f64, f64)], basis: fn(f64) -> f64) -> Fit {
    let points = points.iter().map(|(n, y)| (basis(*n), *y));
    let count: f64 = points.clone().map(|_| 1.0).sum();
    let mean_x = points.clone().map(|(x, _)| x).sum::<f64>() / count;
    let mean = points.clone().map(|(_, y)| y).sum::<f64>() / count;
    let spread = |(x, _): (f64, f64)| (x - mean_x).powi(2);
    let common = |(x, y): (f64, f64)| (x - mean_x) * (y - mean);
    let slope = points.clone().map(common).sum::<f64>() / points.clone().map(spread).sum::<f64>();
    let left = |(x, y): (f64, f64)| (y - mean - slope * (x - mean_x)).powi(2);
    let ends = points.clone().next().zip(points.clone().next_back());
    Fit {
        slope,
        mean,
        change: ends.map_or(0.0, |(first, last)| slope * (last.0 - first.0)),
        residual: points.clone().map(left).sum(),
        variance: points.map(|(_, y)| (y - mean).powi(2)).sum(),
    }
}
