-- One order of the usual stack, in one step: is the key known, is there enough, may this buyer have more; then take, count,
-- and record. Answers the order's number; -1 when too little is left, -2 when the buyer has enough.
-- KEYS: of the Idempotency-Key, of the stock, of the buyers' counts, of the last number. ARGV: quantity, buyer, limit, order.
local known = redis.call('GET', KEYS[1])
if known then
  return tonumber(known)
end
local quantity = tonumber(ARGV[1])
if tonumber(redis.call('GET', KEYS[2]) or '0') < quantity then
  return -1
end
if tonumber(redis.call('HGET', KEYS[3], ARGV[2]) or '0') + quantity > tonumber(ARGV[3]) then
  return -2
end
redis.call('DECRBY', KEYS[2], quantity)
redis.call('HINCRBY', KEYS[3], ARGV[2], quantity)
local number = redis.call('INCR', KEYS[4])
redis.call('SET', 'order:' .. number, ARGV[4])
redis.call('SET', KEYS[1], number, 'EX', 86400)
return number
