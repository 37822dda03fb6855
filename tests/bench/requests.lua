-- Plays the requests of a file, one line each: path, header value, and for a submit its idempotency key. Each thread has
-- a slice of its own and begins again at its end, or stops there where each request may be sent once only.
local threads = {}

function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
end

function init(args)
  local file, once, count, header = args[1], args[2] == "once", tonumber(args[3]), args[4]
  requests, place, sent_once = {}, 0, once
  local line_number = 0
  for line in io.lines(file) do
    if line_number % count == number then
      local path, value, key = line:match("^(%S+) (%S+) ?(%S*)$")
      local headers = { [header] = (header == "Authorization" and "Bearer " or "niangjia_console=") .. value }
      local method, body = "GET", nil
      if header == "Cookie" then headers["Accept"] = args[5] end
      if key ~= "" then
        method, body = "POST", '{"version":1}'
        headers["Idempotency-Key"], headers["Content-Type"] = key, "application/json"
      end
      table.insert(requests, wrk.format(method, path, headers, body))
    end
    line_number = line_number + 1
  end
end

function request()
  place = place + 1
  if place > #requests then
    if sent_once then wrk.thread:stop() end
    place = 1
  end
  return requests[place]
end

function done(summary, latency, all)
  io.write(string.format(
    '\n{"requests": %d, "seconds": %f, "bad": %d, "lost": %d, "p50_ms": %f, "p99_ms": %f}\n',
    summary.requests, summary.duration / 1e6, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
