# One handler that behaves as its event asks.
require 'tmpdir'

$count = 0
puts 'module loaded'
raise 'no init today' if ENV['INIT'] == 'raise'
exit!(7) if ENV['INIT'] == 'exit'

class Custom < StandardError; end

def handler(event:, context:)
  $count += 1
  send("do_#{event['do']}", event, context)
end

def do_echo(event, _context) = event
def do_count(_event, _context) = $count

def do_context(_event, context)
  {
    aws_request_id: context.aws_request_id,
    function_name: context.function_name,
    function_version: context.function_version,
    invoked_function_arn: context.invoked_function_arn,
    memory_limit_in_mb: context.memory_limit_in_mb.to_s,
    log_group_name: context.log_group_name,
    log_stream_name: context.log_stream_name,
    remaining_ms: context.get_remaining_time_in_millis
  }
end

def do_environment(_event, _context) = ENV.to_h
def do_where(_event, _context) = { cwd: Dir.pwd, tmp: Dir.tmpdir }
def do_raise(_event, _context) = raise(Custom, 'it broke')
def do_exit(event, _context) = exit!(event['status'])

def do_kill(event, _context)
  Process.kill(event['signal'], Process.pid)
  sleep 5
end

def do_sleep(event, _context)
  sleep event['seconds']
  'slept'
end

def do_allocate(event, _context) = ('a' * (event['mb'] * 1024 * 1024)).length
def do_large(event, _context) = 'x' * event['bytes']
def do_nothing(_event, _context) = nil

def do_print(_event, _context)
  $stdout.puts 'to stdout'
  $stderr.puts 'to stderr'
  $stdout.puts 'to stdout again'
  nil
end

def do_flood(event, _context)
  event['kb'].times { puts 'x' * 1023 }
  'flooded'
end

def do_partial(_event, _context)
  print 'no line end'
  nil
end

def do_write(event, _context)
  path = File.join(Dir.tmpdir, event['name'])
  File.open(path, 'ab') { |file| event['mb'].times { file.write('x' * 1024 * 1024) } }
  File.size(path)
end

def do_files(_event, _context) = Dir.children(Dir.tmpdir).grep(/^file/).sort

def do_opt(_event, _context)
  require 'in_layer'
  { module: InLayer::NAME, bin: Dir.children(ENV['PATH'].split(':').last).sort }
end
