#!/usr/bin/env python3
"""Writes proto/envoy.binpb, the set of descriptors of the xDS messages Sallyport speaks.

Only needed to move to a newer Envoy API; building and testing never run it. See proto/README.md.

    python3 -m venv /tmp/xds && /tmp/xds/bin/pip install xds-protos==1.85.0
    /tmp/xds/bin/python tools/descriptor-set.py && node tools/gen-proto.mjs

The modules of xds-protos carry their descriptors with them, so a set is a walk over the imports of the roots below. Files are
written in dependency order with the roots sorted, hence the same input gives the same bytes. google/protobuf/* stays in the set, because a set
must be closed under imports; no code is generated for it (protobuf-es brings its own).
"""

import importlib
import pathlib

from google.protobuf import descriptor_pb2

# What we name directly. Everything they import comes along (envoy.config.rbac, envoy.type.matcher, xds.core, validate, ...).
ROOTS = [
    "envoy/config/bootstrap/v3/bootstrap",
    "envoy/config/cluster/v3/cluster",
    "envoy/config/core/v3/extension",
    "envoy/config/endpoint/v3/endpoint",
    "envoy/config/listener/v3/listener",
    "envoy/config/rbac/v3/rbac",
    "envoy/config/route/v3/route",
    "envoy/data/dns/v3/dns_table",
    "envoy/extensions/access_loggers/file/v3/file",
    "envoy/extensions/access_loggers/stream/v3/stream",
    "envoy/extensions/clusters/dns/v3/dns_cluster",
    "envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster",
    "envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache",
    "envoy/extensions/filters/http/cors/v3/cors",
    "envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy",
    "envoy/extensions/filters/http/fault/v3/fault",
    "envoy/extensions/filters/http/header_to_metadata/v3/header_to_metadata",
    "envoy/extensions/filters/http/rbac/v3/rbac",
    "envoy/extensions/filters/http/router/v3/router",
    "envoy/extensions/filters/listener/http_inspector/v3/http_inspector",
    "envoy/extensions/filters/listener/original_dst/v3/original_dst",
    "envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol",
    "envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector",
    "envoy/extensions/filters/network/direct_response/v3/config",
    "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager",
    "envoy/extensions/filters/network/rbac/v3/rbac",
    "envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3/sni_dynamic_forward_proxy",
    "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy",
    "envoy/extensions/retry/host/previous_hosts/v3/previous_hosts",
    "envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol",
    "envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer",
    "envoy/extensions/transport_sockets/tls/v3/tls",
    "envoy/extensions/upstreams/http/v3/http_protocol_options",
    "envoy/service/discovery/v3/ads",
    "envoy/service/secret/v3/sds",
    "envoy/service/status/v3/csds",
]

# Fields newer than many copies of the API. Their absence means a package too old to generate from.
REQUIRED_FIELDS = {
    "envoy.config.core.v3.SocketAddress": "network_namespace_filepath",
    "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy": "upstream_connect_mode",
}


def istio_name_table():
    """Istio's name table (pkg/dns/proto/nds.proto), which no Python package carries: what its agents ask for when they answer DNS."""
    file = descriptor_pb2.FileDescriptorProto(name="istio/networking/nds/v1/nds.proto", package="istio.networking.nds.v1", syntax="proto3")
    table = file.message_type.add(name="NameTable")
    info = table.nested_type.add(name="NameInfo")
    entry = table.nested_type.add(name="TableEntry")
    entry.options.map_entry = True
    field = descriptor_pb2.FieldDescriptorProto

    def add(message, name, number, type_name=None, repeated=False):
        message.field.add(
            name=name,
            number=number,
            label=field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL,
            type=field.TYPE_MESSAGE if type_name else field.TYPE_STRING,
            type_name=type_name,
        )

    add(info, "ips", 1, repeated=True)
    add(info, "registry", 2)
    add(info, "shortname", 3)
    add(info, "namespace", 4)
    add(info, "alt_hosts", 5, repeated=True)
    add(entry, "key", 1)
    add(entry, "value", 2, ".istio.networking.nds.v1.NameTable.NameInfo")
    add(table, "table", 1, ".istio.networking.nds.v1.NameTable.TableEntry", repeated=True)
    return file


def collect(roots):
    """Descriptors of the roots and of all they import, imports first."""
    found = {}

    def visit(descriptor):
        if descriptor.name in found:
            return
        for dependency in descriptor.dependencies:
            visit(dependency)
        found[descriptor.name] = descriptor

    for root in sorted(roots):
        visit(importlib.import_module(root.replace("/", ".") + "_pb2").DESCRIPTOR)
    return found


def require_fields(found):
    """Stops when the API is older than what Sallyport is written against."""
    messages = {m.full_name: m for d in found.values() for m in d.message_types_by_name.values()}
    for message, field in REQUIRED_FIELDS.items():
        if field not in messages[message].fields_by_name:
            raise SystemExit(f"{message} has no field {field}: these descriptors are too old; install the xds-protos named in proto/README.md")


def main():
    found = collect(ROOTS)
    require_fields(found)
    descriptors = descriptor_pb2.FileDescriptorSet()
    for descriptor in found.values():
        descriptor.CopyToProto(descriptors.file.add())
    descriptors.file.append(istio_name_table())
    target = pathlib.Path(__file__).resolve().parent.parent / "proto" / "envoy.binpb"
    data = descriptors.SerializeToString(deterministic=True)
    target.write_bytes(data)
    print(f"{target}: {len(descriptors.file)} files, {len(data)} bytes")


if __name__ == "__main__":
    main()
