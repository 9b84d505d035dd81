//! Which requests a route answers, and how its container is spoken to.

use expect_test::expect;

use super::check;

#[test]
fn paths_are_alternatives_and_the_more_specific_comes_first() {
    check(
        "
        shop/web
          sh0.host=a.example
          sh0.routes.some.path=/api, /api/v1
          sh0.routes.some.path.exact=/Login, /login/
          sh0.routes.some.path.regexp=^/users/[0-9]{1,3}$
          sh0.routes.first.path=/x
          sh0.routes.first.priority=5
          sh0.routes.last.path=/y
          sh0.routes.last.priority=-5
          sh0.routes.beta.match.header.X-Beta=*
          sh0.routes.beta.match.method=post, GET
          sh0.routes.query.match.query.v=a b
          sh0.routes.near.match.client_ip=10.1.2.3/8, 2001:db8::1
        ",
        expect![[r#"
            a.example/x priority=5 [public] shop/web:first -> http 10.0.0.1:80
            a.example=/login [public] shop/web:some -> http 10.0.0.1:80
            a.example=/login/ [public] shop/web:some -> http 10.0.0.1:80
            a.example/api/v1 [public] shop/web:some -> http 10.0.0.1:80
            a.example/api [public] shop/web:some -> http 10.0.0.1:80
            a.example~^/users/[0-9]{1,3}$ [public] shop/web:some -> http 10.0.0.1:80
            a.example [GET,POST x-beta=*] [public] shop/web:beta -> http 10.0.0.1:80
            a.example [10.0.0.0/8,2001:db8::1/128] [public] shop/web:near -> http 10.0.0.1:80
            a.example [?v="a b"] [public] shop/web:query -> http 10.0.0.1:80
            a.example [public] shop/web:default -> http 10.0.0.1:80
            a.example/y priority=-5 [public] shop/web:last -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            | a.example [10.0.0.0/8,2001:db8::1/128] shop-web-1 routed
            | a.example [?v="a b"] shop-web-1 routed
            | a.example [GET,POST x-beta=*] shop-web-1 routed
            | a.example/api shop-web-1 routed
            | a.example/api/v1 shop-web-1 routed
            | a.example/x priority=5 shop-web-1 routed
            | a.example/y priority=-5 shop-web-1 routed
            | a.example=/login shop-web-1 routed
            | a.example=/login/ shop-web-1 routed
            | a.example~^/users/[0-9]{1,3}$ shop-web-1 routed
            ! W002 shop-web-1 (c1): `a.example/y priority=-5` never answers: the route `shop/web:default` is asked first, and takes all of its requests as `a.example` [sh0.routes.last.priority="-5"]; change the `priority` of one of the two, or its path or conditions
        "#]],
    );
}

#[test]
fn what_only_one_label_says_of_the_same_requests_is_said() {
    check(
        "
        shop/web
          sh0.host=a.example
          sh0.routes.one.path.exact=/x
          sh0.routes.one.match.header.X-A=b
          sh0.routes.two.path.exact=/X
          sh0.routes.two.match.header.x-a=b
        ",
        expect![[r#"
            a.example=/x [x-a="b"] [public] shop/web:one -> http 10.0.0.1:80
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            | a.example=/x [x-a="b"] shop-web-1 routed
            | a.example=/x [x-a="b"] shop-web-1 refused: `a.example=/x [x-a="b"]` is served by the route `shop/web:one` already
            ! E005 shop-web-1 (c1): `a.example=/x [x-a="b"]` is served by the route `shop/web:one` already; give one of the two another host or path
        "#]],
    );
}

#[test]
fn a_wrong_condition_is_said_with_what_to_write() {
    check(
        "
        p0/web
          sh0.host=a0.example
          sh0.path.exact=/a*
          sh0.path.regexp=/(?=x)
        p1/web
          sh0.host=a1.example
          sh0.match.method=GET POST
          sh0.match.client_ip=10.0.0.0/33
          sh0.match.query.a=
          sh0.match.header.Host=x
          sh0.match.header.X-A=1
          sh0.match.header.x-a=2
          sh0.match.header.X Y=2
        p2/web
          sh0.host=a2.example
          sh0.priority=high
          sh0.rewrite=/{env.HOME}
          sh0.log=maybe
          sh0.timeout.connect=0s
          sh0.timeout.response=48h
          sh0.upstream.tls.ca=../corp.pem
        ",
        expect![[r#"
            | - p0-web-1 refused: `sh0.path.exact` takes a path such as `/login`, beginning with `/`, found a `*` (a prefix matches everything below it anyway)
            | - p1-web-1 refused: `sh0.match.client_ip` takes an IP address or a range such as `10.0.0.0/8`, found `10.0.0.0/33`
            | - p2-web-1 refused: `sh0.log` takes `true` or `false`, found `maybe`
            ! E001 p0-web-1 (c1): `sh0.path.exact` takes a path such as `/login`, beginning with `/`, found a `*` (a prefix matches everything below it anyway) [sh0.path.exact="/a*"]; write for example `sh0.path.exact=/login`
            ! E001 p0-web-1 (c1): `sh0.path.regexp` takes a pattern (RE2) such as `^/users/[0-9]+$`, found look-around, including look-ahead and look-behind, is not supported at character 2 [sh0.path.regexp="/(?=x)"]; write for example `sh0.path.regexp=^/users/[0-9]+$`
            ! E001 p1-web-1 (c2): `sh0.match.client_ip` takes an IP address or a range such as `10.0.0.0/8`, found `10.0.0.0/33` [sh0.match.client_ip="10.0.0.0/33"]; write for example `sh0.match.client_ip=10.0.0.0/8, 2001:db8::1`
            ! E001 p1-web-1 (c2): `sh0.match.header.Host` must end in a header's name, not Host (write it as the label `host`) or Transfer-Encoding, found `Host` [sh0.match.header.Host="x"]; write for example `match.header.version`
            ! E001 p1-web-1 (c2): `sh0.match.header.X Y` must end in a name of letters, digits and `-_.`, found the character ` ` [sh0.match.header.X Y="2"]; write for example `match.header.version`
            ! E001 p1-web-1 (c2): `sh0.match.header.x-a` says again what another label says, in another spelling [sh0.match.header.x-a="2"]; keep one of the two
            ! E001 p1-web-1 (c2): `sh0.match.method` takes a method such as `GET`, found `GET POST` [sh0.match.method="GET POST"]; write for example `sh0.match.method=GET, HEAD`
            ! E001 p1-web-1 (c2): `sh0.match.query.a` takes a text of at most 256 bytes, or `*` for any, found nothing [sh0.match.query.a=""]; write for example `sh0.match.query.a=2`
            ! E001 p2-web-1 (c3): `sh0.log` takes `true` or `false`, found `maybe` [sh0.log="maybe"]; write for example `sh0.log=true`
            ! E001 p2-web-1 (c3): `sh0.priority` takes a number from -1000 to 1000, found `high` [sh0.priority="high"]; write for example `sh0.priority=10`
            ! E001 p2-web-1 (c3): `sh0.rewrite` takes a path such as `/v2`, beginning with `/`, found the character `{` [sh0.rewrite="/{env.HOME}"]; write for example `sh0.rewrite=/v2`
            ! E001 p2-web-1 (c3): `sh0.timeout.connect` takes a time from `1ms` to `10m`, found `0s` [sh0.timeout.connect="0s"]; write for example `sh0.timeout.connect=2s`
            ! E001 p2-web-1 (c3): `sh0.timeout.response` takes a time from `1ms` to `24h`, found `48h` [sh0.timeout.response="48h"]; write for example `sh0.timeout.response=30s`
            ! E001 p2-web-1 (c3): `sh0.upstream.tls.ca` takes the name of a file such as `partners.pem`, found a path; the file lies in the certificate directory [sh0.upstream.tls.ca="../corp.pem"]; write for example `sh0.upstream.tls.ca=corp.pem`
        "#]],
    );
}

#[test]
fn what_has_no_effect_is_said() {
    check(
        "
        shop/web
          sh0.host=a.example
          sh0.path=/
          sh0.path.exact=/x
          sh0.path.regexp=^/y
          sh0.strip=true
          sh0.rewrite=/z
          sh0.hold=1m
          sh0.timeout.response=10s
          sh0.upstream.tls.ca=corp.pem
        ",
        expect![[r#"
            a.example [public] rewrite=/z shop/web:default -> http 10.0.0.1:80 hold=10s response=10s
            | a.example shop-web-1 routed
            ! W002 shop-web-1 (c1): `sh0.hold` has no effect beyond `timeout.response`, 10s: the time that a request waits for a container counts [sh0.hold="1m"]; lower it, or raise `timeout.response`
            ! W002 shop-web-1 (c1): `sh0.path.exact` has no effect beside `path=/` [sh0.path.exact="/x"]; change the other label, or remove this one
            ! W002 shop-web-1 (c1): `sh0.path.regexp` has no effect beside `path=/` [sh0.path.regexp="^/y"]; change the other label, or remove this one
            ! W002 shop-web-1 (c1): `sh0.strip` has no effect with `rewrite`, which replaces the prefix [sh0.strip="true"]; change the other label, or remove this one
            ! W002 shop-web-1 (c1): `sh0.upstream.tls.ca` has no effect without `scheme=https` [sh0.upstream.tls.ca="corp.pem"]; change the other label, or remove this one
        "#]],
    );
}

#[test]
fn the_time_for_an_answer_caps_the_wait() {
    check(
        "
        shop/web
          sh0.host=a.example
          sh0.timeout.response=10s
          sh0.timeout.connect=2s
          sh0.log=true
          sh0.path=/v1
          sh0.rewrite=/V2/
        ",
        expect![[r#"
            a.example/v1 [public] rewrite=/V2 log shop/web:default -> http 10.0.0.1:80 hold=10s connect=2s response=10s
            | a.example/v1 shop-web-1 routed
        "#]],
    );
}

#[test]
fn what_lasts_longer_than_an_answer_may_take_is_said() {
    check(
        "
        shop/web
          sh0.host=a.example
          sh0.timeout.response=2s
        shop/api
          sh0.host=b.example
          sh0.timeout.response=2s
          sh0.hold=1m
          sh0.retry=4s
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80 hold=2s retry=2s response=2s
            b.example [public] shop/api:default -> http 10.0.0.2:80 hold=2s retry=2s response=2s
            | a.example shop-web-1 routed
            | b.example shop-api-1 routed
            ! W002 shop-api-1 (c2): `sh0.hold` has no effect beyond `timeout.response`, 2s: the time that a request waits for a container counts [sh0.hold="1m"]; lower it, or raise `timeout.response`
            ! W002 shop-api-1 (c2): `sh0.retry` has no effect beyond `timeout.response`, 2s: an answer that is late is not asked for again [sh0.retry="4s"]; lower it, or raise `timeout.response`
        "#]],
    );
}

#[test]
fn an_authority_must_be_in_the_directory() {
    check(
        "
        == authority corp.pem
        shop/web
          sh0.host=a.example
          sh0.scheme=https
          sh0.upstream.tls.ca=corp.pem
        shop/api
          sh0.host=b.example
          sh0.scheme=https
          sh0.upstream.tls.ca=other.pem
        ",
        expect![[r#"
            == authority corp.pem
            a.example [public] shop/web:default -> https 10.0.0.1:80 verify=a.example ca=corp.pem
            | - shop-api-1 refused: `sh0.upstream.tls.ca=other.pem` names an authority, and no usable `other.pem` is in the directory
            | a.example shop-web-1 routed
            ! E001 shop-api-1 (c2): `sh0.upstream.tls.ca=other.pem` names an authority, and no usable `other.pem` is in the directory; put `other.pem` into the agent's `--certificates` directory
        "#]],
    );
}

#[test]
fn a_guest_adds_plain_paths_that_the_owner_does_not_serve() {
    check(
        "
        shop/web
          sh0.host=a.example
          sh0.share=blog
          sh0.routes.api.path=/api
          sh0.routes.api.match.method=GET
          sh0.routes.users.path.regexp=^/users/[0-9]+$
        blog/a
          sh0.host=a.example
          sh0.path=/blog
          sh0.path.exact=/feed
        blog/b
          sh0.host=a.example
          sh0.path.exact=/api/
          sh0.match.header.X-A=*
        blog/c
          sh0.host=a.example
          sh0.path=/Users
        blog/d
          sh0.host=a.example
          sh0.path.regexp=^/d
        blog/e
          sh0.host=a.example
          sh0.path=/e
          sh0.priority=1
        blog/f
          sh0.host=a.example
          sh0.match.method=POST
        ",
        expect![[r#"
            a.example=/feed [public] blog/a:default -> http 10.0.0.2:80
            a.example/blog [public] blog/a:default -> http 10.0.0.2:80
            a.example/api [GET] [public] shop/web:api -> http 10.0.0.1:80
            a.example~^/users/[0-9]+$ [public] shop/web:users -> http 10.0.0.1:80
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            | a.example [POST] blog-f-1 refused: the host `a.example` belongs to project `shop`
            | a.example/api [GET] shop-web-1 routed
            | a.example/blog blog-a-1 routed
            | a.example/e priority=1 blog-e-1 refused: the host `a.example` belongs to project `shop`
            | a.example/users blog-c-1 refused: `a.example/users` is served by the route `shop/web:users` already
            | a.example=/api/ [x-a=*] blog-b-1 refused: `a.example=/api/ [x-a=*]` is served by the route `shop/web:api` already
            | a.example=/feed blog-a-1 routed
            | a.example~^/d blog-d-1 refused: the host `a.example` belongs to project `shop`
            | a.example~^/users/[0-9]+$ shop-web-1 routed
            ! E005 blog-b-1 (c3): `a.example=/api/ [x-a=*]` is served by the route `shop/web:api` already; give one of the two another host or path
            ! E005 blog-c-1 (c4): `a.example/users` is served by the route `shop/web:users` already; give one of the two another host or path
            ! E004 blog-d-1 (c5): the host `a.example` belongs to project `shop`; it shares paths of the host only, without `path.regexp` and `priority`: add for example `sh0.path=/api`
            ! E004 blog-e-1 (c6): the host `a.example` belongs to project `shop`; it shares paths of the host only, without `path.regexp` and `priority`: add for example `sh0.path=/api`
            ! E004 blog-f-1 (c7): the host `a.example` belongs to project `shop`; it shares paths of the host only, without `path.regexp` and `priority`: add for example `sh0.path=/api`
        "#]],
    );
}

#[test]
fn a_route_that_never_answers_is_said() {
    check(
        "
        shop/web
          sh0.host=a.example
          sh0.routes.api.path=/api
          sh0.routes.api.match.method=GET
          sh0.routes.api.priority=-1
          sh0.routes.x.path=/x
        shop/new
          sh0.host=a.example
          sh0.path=/api
          sh0.priority=2
        shop/most
          sh0.host=b.example
          sh0.priority=1
        shop/rest
          sh0.host=b.example
          sh0.path.regexp=^/rest
          sh0.routes.first.host=b.example
          sh0.routes.first.path=/rest
          sh0.routes.first.priority=1
        ",
        expect![[r#"
            a.example/api priority=2 [public] shop/new:default -> http 10.0.0.2:80
            a.example/x [public] shop/web:x -> http 10.0.0.1:80
            a.example [public] shop/web:default -> http 10.0.0.1:80
            a.example/api [GET] priority=-1 [public] shop/web:api -> http 10.0.0.1:80
            b.example/rest priority=1 [public] shop/rest:first -> http 10.0.0.4:80
            b.example priority=1 [public] shop/most:default -> http 10.0.0.3:80
            b.example~^/rest [public] shop/rest:default -> http 10.0.0.4:80
            | a.example shop-web-1 routed
            | a.example/api [GET] priority=-1 shop-web-1 routed
            | a.example/api priority=2 shop-new-1 routed
            | a.example/x shop-web-1 routed
            | b.example priority=1 shop-most-1 routed
            | b.example/rest priority=1 shop-rest-1 routed
            | b.example~^/rest shop-rest-1 routed
            ! W002 shop-rest-1 (c4): `b.example~^/rest` never answers: the route `shop/most:default` is asked first, and takes all of its requests as `b.example priority=1`; change the `priority` of one of the two, or its path or conditions
            ! W002 shop-web-1 (c1): `a.example/api [GET] priority=-1` never answers: the route `shop/new:default` is asked first, and takes all of its requests as `a.example/api priority=2` [sh0.routes.api.priority="-1"]; change the `priority` of one of the two, or its path or conditions
        "#]],
    );
}

#[test]
fn equals_are_in_the_order_of_their_conditions_then_of_their_apps_and_names() {
    check(
        "
        shop/web
          sh0.host=a.example
          sh0.path.regexp=^/a
          sh0.routes.two.path.regexp=^/d
          sh0.routes.one.path.regexp=^/e
        shop/api
          sh0.host=a.example
          sh0.path.regexp=^/z
          sh0.routes.more.path.regexp=^/y
          sh0.routes.more.match.method=GET
        ",
        expect![[r#"
            a.example~^/y [GET] [public] shop/api:more -> http 10.0.0.2:80
            a.example~^/z [public] shop/api:default -> http 10.0.0.2:80
            a.example~^/a [public] shop/web:default -> http 10.0.0.1:80
            a.example~^/e [public] shop/web:one -> http 10.0.0.1:80
            a.example~^/d [public] shop/web:two -> http 10.0.0.1:80
            | a.example~^/a shop-web-1 routed
            | a.example~^/d shop-web-1 routed
            | a.example~^/e shop-web-1 routed
            | a.example~^/y [GET] shop-api-1 routed
            | a.example~^/z shop-api-1 routed
        "#]],
    );
}
