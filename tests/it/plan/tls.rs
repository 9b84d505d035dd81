//! Which certificate a host has.

use expect_test::expect;

use super::check;

#[test]
fn auto_is_public_or_internal_by_the_name() {
    check(
        "
        shop/web
          sh0.host=a.example, localhost, x.localhost, db.internal, 127.0.0.1, [::1]
        ",
        expect![[r#"
            127.0.0.1 [internal] shop/web:default -> http 10.0.0.1:80
            ::1 [internal] shop/web:default -> http 10.0.0.1:80
            a.example [public] shop/web:default -> http 10.0.0.1:80
            db.internal [internal] shop/web:default -> http 10.0.0.1:80
            localhost [internal] shop/web:default -> http 10.0.0.1:80
            x.localhost [internal] shop/web:default -> http 10.0.0.1:80
            | 127.0.0.1 shop-web-1 routed
            | ::1 shop-web-1 routed
            | a.example shop-web-1 routed
            | db.internal shop-web-1 routed
            | localhost shop-web-1 routed
            | x.localhost shop-web-1 routed
        "#]],
    );
}

#[test]
fn the_default_of_the_agent_holds_where_no_label_says_otherwise() {
    check(
        "
        == tls internal
        shop/web
          sh0.host=a.example
        shop/api
          sh0.host=b.example
          sh0.tls=auto
        ",
        expect![[r#"
            == tls internal
            a.example [internal] shop/web:default -> http 10.0.0.1:80
            b.example [public] shop/api:default -> http 10.0.0.2:80
            | a.example shop-web-1 routed
            | b.example shop-api-1 routed
        "#]],
    );
}

#[test]
fn the_default_route_of_the_owner_decides_and_another_value_is_a_503() {
    check(
        "
        shop/web
          sh0.host=a.example
          sh0.tls=internal
          sh0.routes.api.path=/api
          sh0.routes.open.path=/open
          sh0.routes.open.tls=off
        ",
        expect![[r#"
            a.example/open [internal] shop/web:open -> http 503 closed
            a.example/api [internal] shop/web:api -> http 10.0.0.1:80
            a.example [internal] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            | a.example/api shop-web-1 routed
            | a.example/open shop-web-1 refused: the route `open` asks for `tls=off`, but `shop/web:default` decides `tls=internal` for the host `a.example`; the route answers 503
            ! E009 shop-web-1 (c1): the route `open` asks for `tls=off`, but `shop/web:default` decides `tls=internal` for the host `a.example`; the route answers 503; remove the label, or write `sh0.tls=off` at the host's default route
        "#]],
    );
    check(
        "
        shop/web
          sh0.host=a.example
          sh0.share=blog
        blog/web
          sh0.host=a.example
          sh0.path=/blog
          sh0.tls=off
        ",
        expect![[r#"
            a.example/blog [public] blog/web:default -> http 503 closed
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            | a.example/blog blog-web-1 refused: the route `default` asks for `tls=off`, but `shop/web:default` decides `tls=auto` for the host `a.example`; the route answers 503
            ! E009 blog-web-1 (c2): the route `default` asks for `tls=off`, but `shop/web:default` decides `tls=auto` for the host `a.example`; the route answers 503; remove the label, or write `sh0.tls=off` at the host's default route
        "#]],
    );
    check(
        "
        shop/api
          sh0.routes.api.host=a.example
          sh0.routes.api.path=/api
          sh0.routes.api.tls=off
        shop/web
          sh0.host=a.example
        ",
        expect![[r#"
            a.example/api [public] shop/api:api -> http 503 closed
            a.example [public] shop/web:default -> http 10.0.0.2:80
            | a.example shop-web-1 routed
            | a.example/api shop-api-1 refused: the route `api` asks for `tls=off`, but `shop/web:default` decides `tls=auto` for the host `a.example`; the route answers 503
            ! E009 shop-api-1 (c1): the route `api` asks for `tls=off`, but `shop/web:default` decides `tls=auto` for the host `a.example`; the route answers 503; remove the label, or write `sh0.tls=off` at the host's default route
        "#]],
    );
}

#[test]
fn without_a_default_route_the_first_that_says_something_decides() {
    check(
        "
        shop/web
          sh0.routes.a.host=a.example
          sh0.routes.a.path=/a
          sh0.routes.b.host=a.example
          sh0.routes.b.tls=internal
        ",
        expect![[r#"
            a.example/a [internal] shop/web:a -> http 10.0.0.1:80
            a.example [internal] shop/web:b -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            | a.example/a shop-web-1 routed
        "#]],
    );
}

#[test]
fn the_owners_word_stays_in_force_while_it_has_no_container() {
    check(
        "
        shop/web
          sh0.host=a.example
          sh0.tls=internal
          sh0.share=blog
        blog/web
          sh0.host=a.example
          sh0.path=/blog
        == later 5s
        blog/web
          sh0.host=a.example
          sh0.path=/blog
          sh0.tls=off
        == restart
        blog/web
          sh0.host=a.example
          sh0.path=/blog
        ",
        expect![[r#"
            a.example/blog [internal] blog/web:default -> http 10.0.0.2:80
            a.example [internal] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            | a.example/blog blog-web-1 routed
            == later 5s
            a.example/blog [internal] blog/web:default -> http 503 closed
            | a.example/blog blog-web-1 refused: the route `default` asks for `tls=off`, but project `shop` decides `tls=internal` for the host `a.example`; the route answers 503
            ! E009 blog-web-1 (c1): the route `default` asks for `tls=off`, but project `shop` decides `tls=internal` for the host `a.example`; the route answers 503; remove the label, or write `sh0.tls=off` at the host's default route
            == restart
            a.example/blog [internal] blog/web:default -> http 10.0.0.1:80
            | a.example/blog blog-web-1 routed
        "#]],
    );
}

#[test]
fn a_public_wildcard_needs_a_certificate_from_the_directory() {
    check(
        "
        shop/web
          sh0.host=a.example, *.a.example
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | *.a.example shop-web-1 refused: `*.a.example` needs a certificate, and none for it is in the directory
            | a.example shop-web-1 routed
            ! E007 shop-web-1 (c1): `*.a.example` needs a certificate, and none for it is in the directory [sh0.host="a.example, *.a.example"]; put `_.a.example.crt` and `_.a.example.key` into the agent's `--certificates` directory, or set `sh0.tls=internal` or `sh0.tls=on_demand`
        "#]],
    );
    check(
        "
        == certificate *.a.example
        shop/web
          sh0.host=*.a.example
        ",
        expect![[r#"
            == certificate *.a.example
            *.a.example [public] shop/web:default -> http 10.0.0.1:80
            | *.a.example shop-web-1 routed
        "#]],
    );
    check(
        "
        shop/web
          sh0.host=*.a.example
          sh0.tls=internal
        shop/off
          sh0.host=*.b.example
          sh0.tls=off
        shop/lan
          sh0.host=*.internal
        ",
        expect![[r#"
            *.a.example [internal] shop/web:default -> http 10.0.0.1:80
            *.b.example [off] shop/off:default -> http 10.0.0.2:80
            *.internal [internal] shop/lan:default -> http 10.0.0.3:80
            | *.a.example shop-web-1 routed
            | *.b.example shop-off-1 routed
            | *.internal shop-lan-1 routed
        "#]],
    );
}

#[test]
fn a_path_under_a_shared_wildcard_has_the_owners_certificate() {
    check(
        "
        shop/web
          sh0.host=*.a.example
          sh0.tls=internal
          sh0.share=blog
        blog/web
          sh0.host=*.a.example
          sh0.path=/blog
        ",
        expect![[r#"
            *.a.example/blog [internal] blog/web:default -> http 10.0.0.2:80
            *.a.example [internal] shop/web:default -> http 10.0.0.1:80
            | *.a.example shop-web-1 routed
            | *.a.example/blog blog-web-1 routed
        "#]],
    );
}
