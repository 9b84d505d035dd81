//! The labels of health, and who is not well when a plan is made.

use expect_test::expect;

use super::check;

#[test]
fn wrong_health_labels_spoil_their_route() {
    check(
        "
        shop/web
          sh0.host=a.example
          sh0.health.path=healthz
          sh0.health.interval=500ms
          sh0.health.status=20x, 2xx
          sh0.health.fail_for=soon
          sh0.health.max_fails=0
        shop/api
          sh0.host=b.example
          sh0.health.path=/healthz
          sh0.health.interval=3s
          sh0.health.timeout=4s
        shop/late
          sh0.host=c.example
          sh0.health.path=/healthz
          sh0.health.timeout=10001ms
          sh0.health.status=299-200
        ",
        expect![[r#"
            | - shop-api-1 refused: `sh0.health.timeout` takes at most the time of `sh0.health.interval`, 3s, found 4s
            | - shop-late-1 refused: `sh0.health.status` takes statuses such as `200`, `2xx` or `200-299`, found `299-200`
            | - shop-web-1 refused: `sh0.health.fail_for` takes a time such as `500ms`, `5s`, `2m` or `1h`, found `soon`
            ! E001 shop-api-1 (c2): `sh0.health.timeout` takes at most the time of `sh0.health.interval`, 3s, found 4s [sh0.health.timeout="4s"]; write a shorter time, or a longer `sh0.health.interval`
            ! E001 shop-late-1 (c3): `sh0.health.status` takes statuses such as `200`, `2xx` or `200-299`, found `299-200` [sh0.health.status="299-200"]; write for example `sh0.health.status=200-299, 401`
            ! E001 shop-late-1 (c3): `sh0.health.timeout` takes at most the time of `sh0.health.interval`, 10s, found 10.001s [sh0.health.timeout="10001ms"]; write a shorter time, or a longer `sh0.health.interval`
            ! E001 shop-web-1 (c1): `sh0.health.fail_for` takes a time such as `500ms`, `5s`, `2m` or `1h`, found `soon` [sh0.health.fail_for="soon"]; write for example `sh0.health.fail_for=10s`
            ! E001 shop-web-1 (c1): `sh0.health.interval` takes a time of `1s` or more, found `500ms` [sh0.health.interval="500ms"]; write for example `sh0.health.interval=5s`
            ! E001 shop-web-1 (c1): `sh0.health.max_fails` takes a number from 1 to 1000, found `0` [sh0.health.max_fails="0"]; write for example `sh0.health.max_fails=3`
            ! E001 shop-web-1 (c1): `sh0.health.path` takes a path such as `/healthz`, found `healthz` [sh0.health.path="healthz"]; write for example `sh0.health.path=/healthz`
            ! E001 shop-web-1 (c1): `sh0.health.status` takes statuses such as `200`, `2xx` or `200-299`, found `20x` in the item `20x` [sh0.health.status="20x, 2xx"]; write for example `sh0.health.status=200-299, 401`
        "#]],
    );
}

#[test]
fn health_labels_without_what_they_belong_to_have_no_effect() {
    check(
        "
        shop/web
          sh0.host=a.example
          sh0.health.interval=5s
          sh0.health.timeout=20s
          sh0.health.status=200
          sh0.health.max_fails=3
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            ! W002 shop-web-1 (c1): `sh0.health.interval` has no effect without `health.path` [sh0.health.interval="5s"]; add the other label, or remove this one
            ! W002 shop-web-1 (c1): `sh0.health.max_fails` has no effect without `health.fail_for` [sh0.health.max_fails="3"]; add the other label, or remove this one
            ! W002 shop-web-1 (c1): `sh0.health.status` has no effect without `health.path` [sh0.health.status="200"]; add the other label, or remove this one
            ! W002 shop-web-1 (c1): `sh0.health.timeout` has no effect without `health.path` [sh0.health.timeout="20s"]; add the other label, or remove this one
        "#]],
    );
}

#[test]
fn right_health_labels_are_taken() {
    check(
        "
        shop/web
          sh0.host=a.example
          sh0.health.path=/healthz?deep=1
          sh0.health.interval=3s
          sh0.health.status=200, 3XX, 401-403
          sh0.health.fail_for=10s
          sh0.health.max_fails=3
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
        "#]],
    );
}

#[test]
fn the_last_that_may_have_been_ready_goes_on() {
    check(
        "
        shop/web n=1 health=unhealthy
          sh0.host=a.example
        shop/web n=2 health=starting
          sh0.host=a.example
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed: its HEALTHCHECK fails; it goes on, because no other replica is ready
            | a.example shop-web-2 waiting: its HEALTHCHECK has not passed yet
        "#]],
    );
}
