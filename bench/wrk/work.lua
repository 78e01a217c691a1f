-- work.lua - one kind of request for wrk, told by the environment:
--   WORK    view | list | create | static | hello
--   IDS     a file with one record id a line (view)
--   TOKEN   sent as Authorization when not empty
--   STYLE   croft (PocketBase's API) or yardstick (its three paths)
--   TARGET  the path of a static file (static)
local work, style = os.getenv("WORK"), os.getenv("STYLE") or "croft"
local ids, requests = {}, {}

local function headers(extra)
  local h = {}
  local token = os.getenv("TOKEN")
  if token and token ~= "" then h["Authorization"] = token end
  for k, v in pairs(extra or {}) do h[k] = v end
  return h
end

local function make(i)
  if work == "view" then
    local id = ids[i % #ids + 1]
    return style == "yardstick" and wrk.format("GET", "/view/" .. id, headers())
      or wrk.format("GET", "/api/collections/posts/records/" .. id, headers())
  elseif work == "list" then
    local c = "cat" .. (i % 100)
    return style == "yardstick" and wrk.format("GET", "/list/" .. c, headers())
      or wrk.format("GET", "/api/collections/posts/records?perPage=30&skipTotal=1&sort=created"
        .. "&filter=category%3D%22" .. c .. "%22", headers())
  elseif work == "create" then
    local body = '{"title":"A title of some length ' .. i .. '","body":"'
      .. string.rep("Some words of a post. ", 18) .. '","category":"cat' .. (i % 100)
      .. '","views":' .. i .. ',"author":"' .. (os.getenv("AUTHOR") or "") .. '"}'
    return wrk.format("POST", style == "yardstick" and "/create" or "/api/collections/posts/records",
      headers({["Content-Type"] = "application/json"}), body)
  elseif work == "static" then
    return wrk.format("GET", os.getenv("TARGET"))
  end
  return wrk.format("GET", style == "yardstick" and "/hello" or "/api/health")
end

function init(args)
  if work == "view" then
    for line in io.lines(os.getenv("IDS")) do ids[#ids + 1] = line end
  end
  math.randomseed(os.time())
  local n = work == "static" and 1 or 20000
  for i = 1, n do requests[i] = make(math.random(1, 100000)) end
end

local at = 0
function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local bad = summary.errors.status + summary.errors.connect + summary.errors.read
    + summary.errors.timeout
  io.write(string.format("RESULT %d %d %d %d %d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), bad))
end
