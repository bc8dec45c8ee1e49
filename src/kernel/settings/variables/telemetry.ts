import { bool, csv, int, path, text, url } from '../variable.ts';

export const logging = {
  GLOBAL_LOG_LEVEL: text('INFO', 'Root log level (DEBUG INFO WARNING ERROR CRITICAL ...); unknown values become INFO'),
  LOG_FORMAT: text('', 'json gives one JSON object per line on stdout and suppresses the banner'),
  LOGURU_DIAGNOSE: bool(false, 'Accepted and ignored'),
};

export const audit = {
  AUDIT_LOG_LEVEL: text('NONE', 'NONE, METADATA, REQUEST or REQUEST_RESPONSE; unknown values mean NONE'),
  ENABLE_AUDIT_STDOUT: bool(false, 'Also print audit entries on stdout'),
  ENABLE_AUDIT_LOGS_FILE: bool(true, 'Write audit entries to the audit file'),
  AUDIT_LOGS_FILE_PATH: path({ inDataDir: 'audit.log' }, 'Full path of the audit file'),
  AUDIT_LOG_FILE_ROTATION_SIZE: text('10MB', 'Rotate (and zip) the audit file at this size'),
  AUDIT_UVICORN_LOGGER_NAMES: csv(['uvicorn.access'], 'Accepted and ignored'),
  MAX_BODY_LOG_SIZE: int(2048, 'Max bytes of request and of response body kept per audit entry'),
  AUDIT_EXCLUDED_PATHS: csv(
    ['/chats', '/chat', '/folders'],
    'Comma list of path prefixes under /api or /api/v1 not audited',
  ),
  AUDIT_INCLUDED_PATHS: csv(
    [],
    'Comma list of path prefixes; when set only these are audited and exclusions are ignored',
  ),
  ENABLE_AUDIT_GET_REQUESTS: bool(false, 'Audit GET besides POST, PUT, PATCH, DELETE'),
};

export const telemetry = {
  ENABLE_OTEL: bool(false, 'Master switch for OpenTelemetry'),
  ENABLE_OTEL_TRACES: bool(false, 'Export traces'),
  ENABLE_OTEL_METRICS: bool(false, 'Export metrics'),
  ENABLE_OTEL_LOGS: bool(false, 'Export logs (needs ENABLE_OTEL)'),
  OTEL_EXPORTER_OTLP_ENDPOINT: url(
    'http://localhost:4317',
    'Collector endpoint for traces and default for the other signals',
  ),
  OTEL_METRICS_EXPORTER_OTLP_ENDPOINT: url({ from: 'OTEL_EXPORTER_OTLP_ENDPOINT' }, 'Collector endpoint for metrics'),
  OTEL_LOGS_EXPORTER_OTLP_ENDPOINT: url({ from: 'OTEL_EXPORTER_OTLP_ENDPOINT' }, 'Collector endpoint for logs'),
  OTEL_EXPORTER_OTLP_INSECURE: bool(false, 'Plaintext gRPC for traces'),
  OTEL_METRICS_EXPORTER_OTLP_INSECURE: bool({ from: 'OTEL_EXPORTER_OTLP_INSECURE' }, 'Plaintext gRPC for metrics'),
  OTEL_LOGS_EXPORTER_OTLP_INSECURE: bool({ from: 'OTEL_EXPORTER_OTLP_INSECURE' }, 'Plaintext gRPC for logs'),
  OTEL_SERVICE_NAME: text('open-webui', 'service.name resource attribute'),
  OTEL_RESOURCE_ATTRIBUTES: text('', 'Extra resource attributes k=v,k=v'),
  OTEL_TRACES_SAMPLER: text('parentbased_always_on', 'Sampler name'),
  OTEL_BASIC_AUTH_USERNAME: text('', 'Basic auth user for the trace exporter'),
  OTEL_BASIC_AUTH_PASSWORD: text('', 'Basic auth password for the trace exporter'),
  OTEL_METRICS_BASIC_AUTH_USERNAME: text(
    { from: 'OTEL_BASIC_AUTH_USERNAME' },
    'Basic auth user for the metrics exporter',
  ),
  OTEL_METRICS_BASIC_AUTH_PASSWORD: text(
    { from: 'OTEL_BASIC_AUTH_PASSWORD' },
    'Basic auth password for the metrics exporter',
  ),
  OTEL_LOGS_BASIC_AUTH_USERNAME: text({ from: 'OTEL_BASIC_AUTH_USERNAME' }, 'Basic auth user for the log exporter'),
  OTEL_LOGS_BASIC_AUTH_PASSWORD: text({ from: 'OTEL_BASIC_AUTH_PASSWORD' }, 'Basic auth password for the log exporter'),
  OTEL_METRICS_EXPORT_INTERVAL_MILLIS: int(10000, 'Metrics push period'),
  OTEL_OTLP_SPAN_EXPORTER: text('grpc', 'grpc or http transport for traces'),
  OTEL_METRICS_OTLP_SPAN_EXPORTER: text({ from: 'OTEL_OTLP_SPAN_EXPORTER' }, 'grpc or http transport for metrics'),
  OTEL_LOGS_OTLP_SPAN_EXPORTER: text({ from: 'OTEL_OTLP_SPAN_EXPORTER' }, 'grpc or http transport for logs'),
};
