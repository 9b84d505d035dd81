//! Hosts that labels may claim by the settings of the agent.

use expect_test::expect;

use super::check;

#[test]
fn a_host_that_is_not_allowed_is_left_out_and_the_others_are_served() {
    check(
        "
        == allow hosts *.apps.example www.example
        == deny hosts admin.apps.example
        == tls off
        shop/web
          sh0.host=shop.apps.example, www.example, other.example
          sh0.redirect.from=old.example, old.apps.example
        shop/admin
          sh0.host=Admin.Apps.Example.
          sh0.allow=10.0.0.0/8
        shop/all
          sh0.host=*.apps.example
        shop/some
          sh0.host=*.b.apps.example
        ",
        expect![[r#"
            == allow hosts *.apps.example www.example
            == deny hosts admin.apps.example
            == tls off
            shop.apps.example [off] shop/web:default -> http 10.0.0.1:80
            www.example [off] shop/web:default -> http 10.0.0.1:80
            *.b.apps.example [off] shop/some:default -> http 10.0.0.4:80
            old.apps.example [off] -> shop.apps.example
            | - shop-admin-1 refused: the host `admin.apps.example` may not be served: `--deny-hosts` has `admin.apps.example`
            | - shop-all-1 refused: the host `*.apps.example` may not be served: `--deny-hosts` has `admin.apps.example`
            | *.b.apps.example shop-some-1 routed
            | shop.apps.example shop-web-1 routed
            | www.example shop-web-1 routed
            ! E013 shop-admin-1 (c2): the host `admin.apps.example` may not be served: `--deny-hosts` has `admin.apps.example` [sh0.host="Admin.Apps.Example."]; name another host, or change that setting of the agent
            ! E013 shop-all-1 (c3): the host `*.apps.example` may not be served: `--deny-hosts` has `admin.apps.example` [sh0.host="*.apps.example"]; name another host, or change that setting of the agent
            ! E013 shop-web-1 (c1): the host `old.example` may not be served: `--allow-hosts` has only `*.apps.example`, `www.example` [sh0.host="shop.apps.example, www.example, other.example"]; name another host, or change that setting of the agent
            ! E013 shop-web-1 (c1): the host `other.example` may not be served: `--allow-hosts` has only `*.apps.example`, `www.example` [sh0.host="shop.apps.example, www.example, other.example"]; name another host, or change that setting of the agent
        "#]],
    );
}

#[test]
fn what_is_denied_later_does_not_live_on_by_an_older_form() {
    check(
        "
        == tls off
        shop/web
          sh0.host=a.example
        == deny hosts a.example
        shop/web
          sh0.host=a.example
          sh0.port=x
        == deny hosts
        shop/web
          sh0.host=a.example
        ",
        expect![[r#"
            == tls off
            a.example [off] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            == deny hosts a.example
            | - shop-web-1 refused: `sh0.port` takes a number from 1 to 65535, found `x`, which is not a number
            ! E001 shop-web-1 (c1): `sh0.port` takes a number from 1 to 65535, found `x`, which is not a number [sh0.port="x"]; write for example `sh0.port=8080`
            ! E013 shop-web-1 (c1): the host `a.example` may not be served: `--deny-hosts` has `a.example` [sh0.host="a.example"]; name another host, or change that setting of the agent
            == deny hosts
            a.example [off] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
        "#]],
    );
}
