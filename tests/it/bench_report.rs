//! What the end-to-end benchmark says of its figures.

use crate::bench::daemon::Counts;
use crate::bench::growth::growth;
use crate::bench::report::{Figure, Run, markdown};

#[test]
fn the_curve_that_fits_best_is_found() {
    let check = |y: [f64; 5], expected: &str| {
        let points: Vec<_> = [10.0, 1e2, 1e3, 5e3, 1e4].into_iter().zip(y).collect();
        let found = growth(&points).expect("enough points");
        assert_eq!(found.to_string(), expected, "{y:?}");
    };
    check([5.0; 5], "constant");
    check([5.0, 5.5, 4.9, 5.2, 5.6], "constant");
    check([9.0, 5.0, 5.0, 5.0, 9.0], "constant");
    check([1.0, 2.0, 3.0, 3.7, 4.0], "log, +1.0 per ×10");
    check([1.02, 1.2, 3.0, 11.0, 21.0], "linear, +2.0 per 1,000");
    check([100.0, 99.5, 95.0, 75.0, 50.0], "linear, -5.0 per 1,000");
    assert_eq!(growth(&[(1.0, 1.0), (2.0, 2.0)]), None);
}

#[test]
fn the_report_has_a_table_for_each_proxy_with_growth_and_ratios() {
    let run = |proxy: &str, size, values: &[f64]| Run {
        proxy: proxy.to_owned(),
        size,
        figures: ["start, ms", "calls"]
            .into_iter()
            .zip(values)
            .map(|(what, value)| Figure {
                what,
                value: *value,
            })
            .collect(),
        asked: Counts::new(),
    };
    let runs = [
        run("ours", 10, &[20.0, 0.0]),
        run("other", 10, &[30.0, 4.0]),
        run("ours", 100, &[40.0, 0.0]),
        run("other", 100, &[330.5, 40.0]),
        run("ours", 10_000, &[80.0, 0.0]),
        run("other", 10_000, &[]),
    ];
    expect_test::expect![[r#"
        | ours | 10 | 100 | 10,000 | grows |
        | --- | ---: | ---: | ---: | --- |
        | start, ms | 20 | 40 | 80 | log, +20.0 per ×10 |
        | calls | 0 | 0 | 0 | constant |

        | other | 10 | 100 | 10,000 | grows |
        | --- | ---: | ---: | ---: | --- |
        | start, ms | 30 (×1.5) | 330 (×8.3) | – |  |
        | calls | 4 | 40 | – |  |

    "#]]
    .assert_eq(&markdown(&runs, &[10, 100, 10_000]));
}
