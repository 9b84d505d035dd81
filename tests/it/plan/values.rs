//! What is said about values.

use expect_test::expect;

use super::check;

#[test]
fn a_wrong_host_is_said_with_what_to_write() {
    check(
        "
        p0/web
          sh0.host=
        p1/web
          sh0.host=https://a.example
        p2/web
          sh0.host=a.example/x
        p3/web
          sh0.host=a.example:80
        p4/web
          sh0.host=a b
        p5/web
          sh0.host=a.example,
        p6/web
          sh0.host=-a.example
        p7/web
          sh0.host={env.HOME}.example
        p8/web
          sh0.host=*.*.example
        p9/web
          sh0.host=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.example
        p10/web
          sh0.host=Host(`a.example`)
        ",
        expect![[r#"
            | - p0-web-1 refused: `sh0.host` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found nothing
            | - p1-web-1 refused: `sh0.host` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found a URL with its scheme
            | - p10-web-1 refused: `sh0.host` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found the character `(`
            | - p2-web-1 refused: `sh0.host` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found a path (write it as the label `path`)
            | - p3-web-1 refused: `sh0.host` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found a port (the agent's own ports are settings of the agent)
            | - p4-web-1 refused: `sh0.host` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found a space (write several hosts with commas between)
            | - p5-web-1 refused: `sh0.host` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found a comma with nothing before or after it
            | - p6-web-1 refused: `sh0.host` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found the part `-a`, which begins or ends with `-`
            | - p7-web-1 refused: `sh0.host` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found the character `{`
            | - p8-web-1 refused: `sh0.host` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found a `*` that is not the whole leftmost label
            | - p9-web-1 refused: `sh0.host` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found 308 characters, at most 253 are allowed
            ! E001 p0-web-1 (c1): `sh0.host` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found nothing [sh0.host=""]; write for example `sh0.host=app.example.com`
            ! E001 p1-web-1 (c2): `sh0.host` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found a URL with its scheme [sh0.host="https://a.example"]; write for example `sh0.host=app.example.com`
            ! E001 p10-web-1 (c11): `sh0.host` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found the character `(` [sh0.host="Host(`a.example`)"]; write for example `sh0.host=app.example.com`
            ! E001 p2-web-1 (c3): `sh0.host` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found a path (write it as the label `path`) [sh0.host="a.example/x"]; write for example `sh0.host=app.example.com`
            ! E001 p3-web-1 (c4): `sh0.host` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found a port (the agent's own ports are settings of the agent) [sh0.host="a.example:80"]; write for example `sh0.host=app.example.com`
            ! E001 p4-web-1 (c5): `sh0.host` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found a space (write several hosts with commas between) [sh0.host="a b"]; write for example `sh0.host=app.example.com`
            ! E001 p5-web-1 (c6): `sh0.host` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found a comma with nothing before or after it [sh0.host="a.example,"]; write for example `sh0.host=app.example.com`
            ! E001 p6-web-1 (c7): `sh0.host` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found the part `-a`, which begins or ends with `-` [sh0.host="-a.example"]; write for example `sh0.host=app.example.com`
            ! E001 p7-web-1 (c8): `sh0.host` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found the character `{` [sh0.host="{env.HOME}.example"]; write for example `sh0.host=app.example.com`
            ! E001 p8-web-1 (c9): `sh0.host` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found a `*` that is not the whole leftmost label [sh0.host="*.*.example"]; write for example `sh0.host=app.example.com`
            ! E001 p9-web-1 (c10): `sh0.host` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found 308 characters, at most 253 are allowed [sh0.host="xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…"]; write for example `sh0.host=app.example.com`
        "#]],
    );
}

#[test]
fn a_wrong_path_is_said_with_what_to_write() {
    check(
        "
        p0/web
          sh0.host=a0.example
          sh0.path=
        p1/web
          sh0.host=a1.example
          sh0.path=api
        p2/web
          sh0.host=a2.example
          sh0.path=/a*
        p3/web
          sh0.host=a3.example
          sh0.path=/a?b
        p4/web
          sh0.host=a4.example
          sh0.path=/../x
        p5/web
          sh0.host=a5.example
          sh0.path=/{file./etc/passwd}
        p6/web
          sh0.host=a6.example
          sh0.path=/%61
        ",
        expect![[r#"
            | - p0-web-1 refused: `sh0.path` takes a path such as `/api`, beginning with `/`, found nothing
            | - p1-web-1 refused: `sh0.path` takes a path such as `/api`, beginning with `/`, found no `/` at its beginning
            | - p2-web-1 refused: `sh0.path` takes a path such as `/api`, beginning with `/`, found a `*` (a prefix matches everything below it anyway)
            | - p3-web-1 refused: `sh0.path` takes a path such as `/api`, beginning with `/`, found the character `?`
            | - p4-web-1 refused: `sh0.path` takes a path such as `/api`, beginning with `/`, found `.`, `..` or an empty part in it
            | - p5-web-1 refused: `sh0.path` takes a path such as `/api`, beginning with `/`, found the character `{`
            | - p6-web-1 refused: `sh0.path` takes a path such as `/api`, beginning with `/`, found the character `%`
            ! E001 p0-web-1 (c1): `sh0.path` takes a path such as `/api`, beginning with `/`, found nothing [sh0.path=""]; write for example `sh0.path=/api`
            ! E001 p1-web-1 (c2): `sh0.path` takes a path such as `/api`, beginning with `/`, found no `/` at its beginning [sh0.path="api"]; write for example `sh0.path=/api`
            ! E001 p2-web-1 (c3): `sh0.path` takes a path such as `/api`, beginning with `/`, found a `*` (a prefix matches everything below it anyway) [sh0.path="/a*"]; write for example `sh0.path=/api`
            ! E001 p3-web-1 (c4): `sh0.path` takes a path such as `/api`, beginning with `/`, found the character `?` [sh0.path="/a?b"]; write for example `sh0.path=/api`
            ! E001 p4-web-1 (c5): `sh0.path` takes a path such as `/api`, beginning with `/`, found `.`, `..` or an empty part in it [sh0.path="/../x"]; write for example `sh0.path=/api`
            ! E001 p5-web-1 (c6): `sh0.path` takes a path such as `/api`, beginning with `/`, found the character `{` [sh0.path="/{file./etc/passwd}"]; write for example `sh0.path=/api`
            ! E001 p6-web-1 (c7): `sh0.path` takes a path such as `/api`, beginning with `/`, found the character `%` [sh0.path="/%61"]; write for example `sh0.path=/api`
        "#]],
    );
}

#[test]
fn a_wrong_port_is_said_with_what_to_write() {
    check(
        "
        p0/web
          sh0.host=a0.example
          sh0.port=
        p1/web
          sh0.host=a1.example
          sh0.port=0
        p2/web
          sh0.host=a2.example
          sh0.port=65536
        p3/web
          sh0.host=a3.example
          sh0.port=http
        p4/web
          sh0.host=a4.example
          sh0.port=80/tcp
        ",
        expect![[r#"
            | - p0-web-1 refused: `sh0.port` takes a number from 1 to 65535, found nothing
            | - p1-web-1 refused: `sh0.port` takes a number from 1 to 65535, found `0`, which is out of range
            | - p2-web-1 refused: `sh0.port` takes a number from 1 to 65535, found `65536`, which is out of range
            | - p3-web-1 refused: `sh0.port` takes a number from 1 to 65535, found `http`, which is not a number
            | - p4-web-1 refused: `sh0.port` takes a number from 1 to 65535, found `80/tcp`, which is not a number
            ! E001 p0-web-1 (c1): `sh0.port` takes a number from 1 to 65535, found nothing [sh0.port=""]; write for example `sh0.port=8080`
            ! E001 p1-web-1 (c2): `sh0.port` takes a number from 1 to 65535, found `0`, which is out of range [sh0.port="0"]; write for example `sh0.port=8080`
            ! E001 p2-web-1 (c3): `sh0.port` takes a number from 1 to 65535, found `65536`, which is out of range [sh0.port="65536"]; write for example `sh0.port=8080`
            ! E001 p3-web-1 (c4): `sh0.port` takes a number from 1 to 65535, found `http`, which is not a number [sh0.port="http"]; write for example `sh0.port=8080`
            ! E001 p4-web-1 (c5): `sh0.port` takes a number from 1 to 65535, found `80/tcp`, which is not a number [sh0.port="80/tcp"]; write for example `sh0.port=8080`
        "#]],
    );
}

#[test]
fn a_wrong_scheme_is_said_with_what_to_write() {
    check(
        "
        p0/web
          sh0.host=a0.example
          sh0.scheme=
        p1/web
          sh0.host=a1.example
          sh0.scheme=ftp
        ",
        expect![[r#"
            | - p0-web-1 refused: `sh0.scheme` takes `http`, `https` or `h2c`, found nothing
            | - p1-web-1 refused: `sh0.scheme` takes `http`, `https` or `h2c`, found `ftp`
            ! E001 p0-web-1 (c1): `sh0.scheme` takes `http`, `https` or `h2c`, found nothing [sh0.scheme=""]; write for example `sh0.scheme=h2c`
            ! E001 p1-web-1 (c2): `sh0.scheme` takes `http`, `https` or `h2c`, found `ftp` [sh0.scheme="ftp"]; write for example `sh0.scheme=h2c`
        "#]],
    );
}

#[test]
fn a_wrong_strip_is_said_with_what_to_write() {
    check(
        "
        p0/web
          sh0.host=a0.example
          sh0.strip=
        p1/web
          sh0.host=a1.example
          sh0.strip=maybe
        ",
        expect![[r#"
            | - p0-web-1 refused: `sh0.strip` takes `true` or `false`, found nothing
            | - p1-web-1 refused: `sh0.strip` takes `true` or `false`, found `maybe`
            ! E001 p0-web-1 (c1): `sh0.strip` takes `true` or `false`, found nothing [sh0.strip=""]; write for example `sh0.strip=true`
            ! E001 p1-web-1 (c2): `sh0.strip` takes `true` or `false`, found `maybe` [sh0.strip="maybe"]; write for example `sh0.strip=true`
        "#]],
    );
}

#[test]
fn a_wrong_tls_is_said_with_what_to_write() {
    check(
        "
        p0/web
          sh0.host=a0.example
          sh0.tls=
        p1/web
          sh0.host=a1.example
          sh0.tls=acme
        ",
        expect![[r#"
            | - p0-web-1 refused: `sh0.tls` takes `auto`, `internal`, `on_demand` or `off`, found nothing
            | - p1-web-1 refused: `sh0.tls` takes `auto`, `internal`, `on_demand` or `off`, found `acme`
            ! E001 p0-web-1 (c1): `sh0.tls` takes `auto`, `internal`, `on_demand` or `off`, found nothing [sh0.tls=""]; write for example `sh0.tls=internal`
            ! E001 p1-web-1 (c2): `sh0.tls` takes `auto`, `internal`, `on_demand` or `off`, found `acme` [sh0.tls="acme"]; write for example `sh0.tls=internal`
        "#]],
    );
}

#[test]
fn a_wrong_lb_policy_is_said_with_what_to_write() {
    check(
        "
        p0/web
          sh0.host=a0.example
          sh0.lb.policy=fastest
        p1/web
          sh0.host=a1.example
          sh0.lb.policy=header
        ",
        expect![[r#"
            | - p0-web-1 refused: `sh0.lb.policy` takes least_conn, random, round_robin, first, client_ip_hash, uri_hash, header or cookie, found `fastest`
            | - p1-web-1 refused: `sh0.lb.policy=header` needs the name of the header
            ! E001 p0-web-1 (c1): `sh0.lb.policy` takes least_conn, random, round_robin, first, client_ip_hash, uri_hash, header or cookie, found `fastest` [sh0.lb.policy="fastest"]; write for example `sh0.lb.policy=round_robin`
            ! E001 p1-web-1 (c2): `sh0.lb.policy=header` needs the name of the header [sh0.lb.policy="header"]; add for example `sh0.lb.header=X-Tenant`
        "#]],
    );
}

#[test]
fn a_wrong_lb_header_is_said_with_what_to_write() {
    check(
        "
        p0/web
          sh0.host=a0.example
          sh0.lb.header=X Tenant
        p1/web
          sh0.host=a1.example
          sh0.lb.header=
        ",
        expect![[r#"
            | - p0-web-1 refused: `sh0.lb.header` takes a name of letters, digits and `-_.`, found the character ` `
            | - p1-web-1 refused: `sh0.lb.header` takes a name of letters, digits and `-_.`, found nothing
            ! E001 p0-web-1 (c1): `sh0.lb.header` takes a name of letters, digits and `-_.`, found the character ` ` [sh0.lb.header="X Tenant"]; write for example `sh0.lb.header=X-Tenant`
            ! E001 p1-web-1 (c2): `sh0.lb.header` takes a name of letters, digits and `-_.`, found nothing [sh0.lb.header=""]; write for example `sh0.lb.header=X-Tenant`
        "#]],
    );
}

#[test]
fn a_wrong_lb_cookie_is_said_with_what_to_write() {
    check(
        "
        p0/web
          sh0.host=a0.example
          sh0.lb.cookie=a;b
        ",
        expect![[r#"
            | - p0-web-1 refused: `sh0.lb.cookie` takes a name of letters, digits and `-_.`, found the character `;`
            ! E001 p0-web-1 (c1): `sh0.lb.cookie` takes a name of letters, digits and `-_.`, found the character `;` [sh0.lb.cookie="a;b"]; write for example `sh0.lb.cookie=session_at`
        "#]],
    );
}

#[test]
fn a_wrong_upstream_tls_server_name_is_said_with_what_to_write() {
    check(
        "
        p0/web
          sh0.host=a0.example
          sh0.upstream.tls.server_name=a/b
        p1/web
          sh0.host=a1.example
          sh0.upstream.tls.server_name=*.example
        ",
        expect![[r#"
            | - p0-web-1 refused: `sh0.upstream.tls.server_name` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found a path (write it as the label `path`)
            | - p1-web-1 refused: `sh0.upstream.tls.server_name` takes an exact host name such as `backend.example.com`, found `*.example`
            ! E001 p0-web-1 (c1): `sh0.upstream.tls.server_name` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found a path (write it as the label `path`) [sh0.upstream.tls.server_name="a/b"]; write for example `sh0.upstream.tls.server_name=backend.example.com`
            ! E001 p1-web-1 (c2): `sh0.upstream.tls.server_name` takes an exact host name such as `backend.example.com`, found `*.example` [sh0.upstream.tls.server_name="*.example"]; write for example `sh0.upstream.tls.server_name=backend.example.com`
        "#]],
    );
}

#[test]
fn a_wrong_upstream_tls_skip_verify_is_said_with_what_to_write() {
    check(
        "
        p0/web
          sh0.host=a0.example
          sh0.upstream.tls.skip_verify=2
        ",
        expect![[r#"
            | - p0-web-1 refused: `sh0.upstream.tls.skip_verify` takes `true` or `false`, found `2`
            ! E001 p0-web-1 (c1): `sh0.upstream.tls.skip_verify` takes `true` or `false`, found `2` [sh0.upstream.tls.skip_verify="2"]; write for example `sh0.upstream.tls.skip_verify=true`
        "#]],
    );
}

#[test]
fn a_wrong_enable_is_said_with_what_to_write() {
    check(
        "
        p0/web
          sh0.host=a0.example
          sh0.enable=
        p1/web
          sh0.host=a1.example
          sh0.enable=perhaps
        ",
        expect![[r#"
            | - p0-web-1 refused: `sh0.enable` takes `true` or `false`, found nothing
            | - p1-web-1 refused: `sh0.enable` takes `true` or `false`, found `perhaps`
            ! E001 p0-web-1 (c1): `sh0.enable` takes `true` or `false`, found nothing [sh0.enable=""]; write for example `sh0.enable=false`
            ! E001 p1-web-1 (c2): `sh0.enable` takes `true` or `false`, found `perhaps` [sh0.enable="perhaps"]; write for example `sh0.enable=false`
        "#]],
    );
}

#[test]
fn a_wrong_app_is_said_with_what_to_write() {
    check(
        "
        p0/web
          sh0.host=a0.example
          sh0.app=
        p1/web
          sh0.host=a1.example
          sh0.app=a/b
        p2/web
          sh0.host=a2.example
          sh0.app=nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn
        ",
        expect![[r#"
            | - p0-web-1 refused: `sh0.app` takes a name of letters, digits and `-_.`, found nothing
            | - p1-web-1 refused: `sh0.app` takes a name of letters, digits and `-_.`, found the character `/`
            | - p2-web-1 refused: `sh0.app` takes a name of letters, digits and `-_.`, found 300 bytes, at most 128 are allowed
            ! E001 p0-web-1 (c1): `sh0.app` takes a name of letters, digits and `-_.`, found nothing [sh0.app=""]; write for example `sh0.app=web`
            ! E001 p1-web-1 (c2): `sh0.app` takes a name of letters, digits and `-_.`, found the character `/` [sh0.app="a/b"]; write for example `sh0.app=web`
            ! E001 p2-web-1 (c3): `sh0.app` takes a name of letters, digits and `-_.`, found 300 bytes, at most 128 are allowed [sh0.app="nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn…"]; write for example `sh0.app=web`
        "#]],
    );
}

#[test]
fn a_wrong_network_is_said_with_what_to_write() {
    check(
        "
        p0/web
          sh0.host=a0.example
          sh0.network=
        p1/web
          sh0.host=a1.example
          sh0.network=my net
        ",
        expect![[r#"
            | - p0-web-1 refused: `sh0.network` takes a name of letters, digits and `-_.`, found nothing
            | - p1-web-1 refused: `sh0.network` takes a name of letters, digits and `-_.`, found the character ` `
            ! E001 p0-web-1 (c1): `sh0.network` takes a name of letters, digits and `-_.`, found nothing [sh0.network=""]; write for example `sh0.network=shop_internal`
            ! E001 p1-web-1 (c2): `sh0.network` takes a name of letters, digits and `-_.`, found the character ` ` [sh0.network="my net"]; write for example `sh0.network=shop_internal`
        "#]],
    );
}

#[test]
fn a_wrong_share_is_said_with_what_to_write() {
    check(
        "
        p0/web
          sh0.host=a0.example
          sh0.share=
        p1/web
          sh0.host=a1.example
          sh0.share=blog,,docs
        p2/web
          sh0.host=a2.example
          sh0.share=a b
        ",
        expect![[r#"
            | - p0-web-1 refused: `sh0.share` takes a name of letters, digits and `-_.`, found nothing
            | - p1-web-1 refused: `sh0.share` takes a name of letters, digits and `-_.`, found a comma with nothing before or after it
            | - p2-web-1 refused: `sh0.share` takes a name of letters, digits and `-_.`, found the character ` `
            ! E001 p0-web-1 (c1): `sh0.share` takes a name of letters, digits and `-_.`, found nothing [sh0.share=""]; write for example `sh0.share=blog, docs`
            ! E001 p1-web-1 (c2): `sh0.share` takes a name of letters, digits and `-_.`, found a comma with nothing before or after it [sh0.share="blog,,docs"]; write for example `sh0.share=blog, docs`
            ! E001 p2-web-1 (c3): `sh0.share` takes a name of letters, digits and `-_.`, found the character ` ` [sh0.share="a b"]; write for example `sh0.share=blog, docs`
        "#]],
    );
}
