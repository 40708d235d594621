"""One document of each kind, to read and to copy; that of a pipeline has every field. Tests hold them valid."""

from __future__ import annotations

from collections.abc import Mapping

EXAMPLES: Mapping[str, str] = {
    "Pipeline": """\
apiVersion: jackfield/v1
kind: Pipeline
metadata:
  name: thumbnails
  description: A thumbnail for every picture of an album that is uploaded.
spec:
  input:
    binding: uploads # a Component by its name ...
    # binding:       # ... or one written in place
    #   type: bindings.cron
    #   metadata: {schedule: "*/5 * * * *"}
    # pubsub: albums # ... or a topic of a pub/sub Component
    # topic: uploaded

  event: # how the envelope is made; what is left out comes from the binding
    id: "{{ metadata.key }} {{ metadata.etag }}" # the same when the same album comes again
    type: com.example.album.uploaded
    source: /albums
    subject: "{{ metadata.key }}"
    datacontenttype: application/json
    dataschema: https://example.com/schemas/album.json
    extensions:
      tenant: "{{ data.tenant }}"

  env: [REGION] # the environment variables that expressions may read

  steps: # any of these, as often and in the order that is needed
    - filter: event.subject.endswith('.json') # other events end here
    - validate: # a JSON Schema in place, or the name of its file; what does not match is dead-lettered
        type: object
        required: [pictures]
    - split: data.pictures # one event in, many out
    - transform: # the new data
        key: "{{ data.key }}"
        size: "{{ data.size | int }}" # a whole value keeps its type: a number
        by: "{{ env.REGION }}/{{ event.tenant }}"
    - call: # the app's answer becomes the data
        app: thumbnailer # an App by its name, or in place: {url: http://localhost:8000}
        path: /thumbnails
        method: POST
        headers:
          X-Region: "{{ env.REGION }}"
        mode: batch # or binary, structured: one event a request
        batch:
          maxEvents: 100
          maxWait: 20ms
        timeout: 10s
        retry: {maxAttempts: 10} # of this call; `delivery.retry` below is for all that have none of their own

  outputs: # all of them, for each event
    - binding: thumbnails
      operation: create
      when: data.width > 0
      data: "{{ data.image }}"
      metadata:
        fileName: "thumb/{{ data.key }}"
      retry: {maxAttempts: 3}
    # - {pubsub: albums, topic: done} # an output can be a topic too

  delivery:
    concurrency: 16
    retry:
      maxAttempts: 5
      initial: 200ms
      max: 30s
      multiplier: 2
      jitter: true
    circuitBreaker:
      failures: 5
      probeEvery: 5s
    # Events of one customer one after the other, customers side by side.
    orderBy: event.subject
    # What was done in the last day is not done again.
    deduplicate:
      window: 24h
      key: event.id
      most: 1000000
    # A customer whose event is dead-lettered waits for a person, the others go on.
    onDeadLetter: park
    deadLetter: store # or an output: {binding: failures}
""",
    "App": """\
apiVersion: jackfield/v1
kind: App
metadata:
  name: thumbnailer
  description: Makes thumbnails of pictures.
spec:
  url: http://localhost:8000
  token:
    secretKeyRef:
      name: THUMBNAILER_TOKEN
  auth:
    secretStore: environment
  maxConcurrency: 32
  maxResponseSize: 4Mi
""",
    "PipelineTest": """\
apiVersion: jackfield/v1
kind: PipelineTest
metadata:
  name: thumbnails
spec:
  pipeline: thumbnails
  env: {REGION: eu}
  apps: # what the apps answer, by their paths
    thumbnailer:
      /thumbnails: [{data: {key: "{{ data.key }}", width: 64, image: ...}}]
  tests:
    - name: every picture of an album becomes a thumbnail
      events:
        - attributes: {datacontenttype: application/json}
          metadata: {key: cats.json, etag: "1"}
          data: {tenant: shop, pictures: [{key: a.jpg, size: 9}, {key: b.jpg, size: 7}]}
      expect:
        outputs:
          - {binding: thumbnails, metadata: {fileName: thumb/a.jpg}}
          - {binding: thumbnails, metadata: {fileName: thumb/b.jpg}}
        outcomes: [done]

    - name: an app that is away is waited for
      events:
        - metadata: {key: cats.json, etag: "1"}
          data: {tenant: shop, pictures: [{key: a.jpg, size: 9}]}
      apps:
        thumbnailer:
          /thumbnails: [refused, 503, {data: {key: a.jpg, width: 64, image: ...}}]
      expect:
        calls:
          - {app: thumbnailer, path: /thumbnails, times: 3}
        outcomes: {done: 1}
""",
    "Component": """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: orders-api
spec:
  type: bindings.http
  version: v1
  initTimeout: 10s
  metadata:
    - name: url
      value: https://api.example.com/orders
    - name: securityTokenHeader
      value: Authorization
    - name: securityToken
      secretKeyRef:
        name: ORDERS_TOKEN
auth:
  secretStore: environment
""",
    "Subscription": """\
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata:
  name: orders
spec:
  pubsubname: pubsub
  topic: orders
  routes:
    rules:
      - match: event.type == "order.cancelled"
        path: /cancellations
    default: /orders
  deadLetterTopic: poison-orders
scopes: [shop]
""",
    "Resiliency": """\
apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata:
  name: resiliency
spec:
  policies:
    timeouts:
      short: 5s
    retries:
      often: {policy: constant, duration: 5s, maxRetries: 10}
      patient:
        policy: exponential
        maxInterval: 60s
        maxRetries: -1 # without end
        matching: {httpStatusCodes: "429,500-599"}
    circuitBreakers:
      careful: {trip: consecutiveFailures >= 5, timeout: 30s}
  targets:
    apps:
      thumbnailer: {timeout: short, retry: patient, circuitBreaker: careful}
    components:
      orders-api:
        outbound: {retry: often}
""",
    "Configuration": """\
apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata:
  name: config
spec:
  secrets:
    scopes:
      - storeName: vault
        defaultAccess: deny
        allowedSecrets: [redis]
""",
    "HTTPEndpoint": """\
apiVersion: dapr.io/v1alpha1
kind: HTTPEndpoint
metadata:
  name: github
spec:
  baseUrl: https://api.github.com
  headers:
    - name: Accept
      value: application/vnd.github+json
""",
}
