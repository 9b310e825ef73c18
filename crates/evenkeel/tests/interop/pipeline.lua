-- wrk sends eight requests at once, and waits for their answers.
local requests

init = function()
  local each = {}
  for number = 1, 8 do
    each[number] = wrk.format("GET")
  end
  requests = table.concat(each)
end

request = function()
  return requests
end
