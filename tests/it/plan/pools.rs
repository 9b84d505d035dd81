//! What holds for the replicas of a pool together: how long requests wait and are tried again, and
//! how they are shared.

use expect_test::expect;

use super::check;

#[test]
fn waiting_and_trying_again_are_said_by_labels() {
    check(
        "
        shop/a
          sh0.host=a.example
          sh0.hold=2m
          sh0.retry=500ms
        shop/b
          sh0.host=b.example
          sh0.hold=0s
          sh0.retry=0s
        shop/c
          sh0.host=c.example
          sh0.hold=30s
          sh0.retry=5s
        ",
        expect![[r#"
            a.example [public] shop/a:default -> http 10.0.0.1:80 hold=120s retry=500ms
            b.example [public] shop/b:default -> http 10.0.0.2:80 hold=0ns retry=0ns
            c.example [public] shop/c:default -> http 10.0.0.3:80
            | a.example shop-a-1 routed
            | b.example shop-b-1 routed
            | c.example shop-c-1 routed
        "#]],
    );
}

#[test]
fn a_wrong_time_to_wait_is_said_with_what_to_write() {
    check(
        "
        p0/web
          sh0.host=a0.example
          sh0.hold=forever
        p1/web
          sh0.host=a1.example
          sh0.retry=11m
        ",
        expect![[r#"
            | - p0-web-1 refused: `sh0.hold` takes a time such as `500ms`, `5s`, `2m` or `1h`, found `forever`
            | - p1-web-1 refused: `sh0.retry` takes at most `10m`, found `11m`
            ! E001 p0-web-1 (c1): `sh0.hold` takes a time such as `500ms`, `5s`, `2m` or `1h`, found `forever` [sh0.hold="forever"]; write for example `sh0.hold=2m`
            ! E001 p1-web-1 (c2): `sh0.retry` takes at most `10m`, found `11m` [sh0.retry="11m"]; write for example `sh0.retry=500ms`
        "#]],
    );
}

#[test]
fn each_replica_has_its_own_weight() {
    check(
        "
        shop/web
          sh0.host=a.example
          sh0.lb.weight=90
        shop/web n=2
          sh0.host=a.example
          sh0.lb.weight=10
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80*90 10.0.0.2:80*10
            | a.example shop-web-1 routed
            | a.example shop-web-2 routed
        "#]],
    );
}

#[test]
fn a_wrong_weight_is_said_with_what_to_write() {
    check(
        "
        p0/web
          sh0.host=a0.example
          sh0.lb.weight=0
        p1/web
          sh0.host=a1.example
          sh0.lb.weight=101
        p2/web
          sh0.host=a2.example
          sh0.lb.weight=5%
        p3/web
          sh0.host=a3.example
          sh0.lb.weight=
        p4/web
          sh0.host=a4.example
          sh0.routes.api.host=api.example
          sh0.routes.api.lb.weight=5
        ",
        expect![[r#"
            a4.example [public] p4/web:default -> http 10.0.0.5:80
            api.example [public] p4/web:api -> http 10.0.0.5:80
            | - p0-web-1 refused: `sh0.lb.weight` takes a number from 1 to 100, found `0`
            | - p1-web-1 refused: `sh0.lb.weight` takes a number from 1 to 100, found `101`
            | - p2-web-1 refused: `sh0.lb.weight` takes a number from 1 to 100, found `5%`
            | - p3-web-1 refused: `sh0.lb.weight` takes a number from 1 to 100, found nothing
            | a4.example p4-web-1 routed
            | api.example p4-web-1 routed
            ! E001 p0-web-1 (c1): `sh0.lb.weight` takes a number from 1 to 100, found `0` [sh0.lb.weight="0"]; write for example `sh0.lb.weight=10`
            ! E001 p1-web-1 (c2): `sh0.lb.weight` takes a number from 1 to 100, found `101` [sh0.lb.weight="101"]; write for example `sh0.lb.weight=10`
            ! E001 p2-web-1 (c3): `sh0.lb.weight` takes a number from 1 to 100, found `5%` [sh0.lb.weight="5%"]; write for example `sh0.lb.weight=10`
            ! E001 p3-web-1 (c4): `sh0.lb.weight` takes a number from 1 to 100, found nothing [sh0.lb.weight=""]; write for example `sh0.lb.weight=10`
            ! W001 p4-web-1 (c5): `sh0.routes.api.lb.weight` holds for the whole container, not for one route [sh0.routes.api.lb.weight="5"]; write `sh0.weight`
        "#]],
    );
}
