# frozen_string_literal: true

# The socket class alone; socket.rb around it is only needed by functions that ask for it.
require 'socket.so'

module LambdactlRuntime
  # The Runtime API over one raw keep-alive socket (net/http takes longer to load than Ruby to
  # start). The result of an invocation and the poll for the next one go out in a single write.
  # https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
  class RuntimeApi
    # The server has closed the connection.
    class Closed < StandardError; end

    # The answer to a request; for /next also the raw request that AwsLambda::Marshaller is given.
    class Answer
      attr_reader :status, :body

      def initialize(status, headers, body)
        @status = status
        @headers = headers
        @body = body
      end

      # A header's value; names are case-insensitive.
      def [](name)
        @headers[name.downcase]
      end
    end

    API = '/2018-06-01/runtime/'
    # A larger cause is dropped: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
    MAX_XRAY_CAUSE_BYTES = 1024 * 1024

    def initialize(address)
      host, _, port = address.rpartition(':')
      @address = address
      @next_request = request('GET', 'invocation/next')
      @socket = TCPSocket.new(host.delete('[]'), port)
      @socket.setsockopt(:TCP, :NODELAY, true)
      @pid = Process.pid
    rescue SystemCallError => e
      abort "The Runtime API at #{address} can't be reached: #{e.message}"
    end

    # Wait for the word: init may begin.
    def standby
      send_all(request('GET', 'standby'))
      read_answer
    end

    def next
      send_all(@next_request)
      read_answer
    end

    # Post a result and wait for the next invocation; yields the status of the post.
    def respond(invocation, body, content_type, &on_status)
      exchange(post(invocation, 'response', "Content-Type: #{content_type}\r\n", body), &on_status)
    end

    def fail(invocation, failure, &on_status)
      exchange(error_post(invocation, failure), &on_status)
    end

    # Post an error when no invocation will follow.
    def last_words(invocation, failure)
      send_all(error_post(invocation, failure))
      read_answer
    end

    def init_error(failure)
      body = failure.body
      headers = "Content-Type: application/json\r\n#{type_header(failure)}#{length_header(body)}"
      send_all(request('POST', 'init/error', headers) + body)
      read_answer
    end

    private

    def exchange(post)
      send_all(post + @next_request)
      yield read_answer.status
      read_answer
    end

    def post(invocation, action, headers, body)
      attempt = invocation['Lambda-Runtime-Invocation-Id']
      # Unique for each attempt; it goes back with the result so that a late one can be told apart.
      headers += "Lambda-Runtime-Invocation-Id: #{attempt}\r\n" if attempt
      path = "invocation/#{invocation['Lambda-Runtime-Aws-Request-Id']}/#{action}"
      request('POST', path, headers + length_header(body)) + body
    end

    def error_post(invocation, failure)
      cause = failure.xray_cause
      headers = "Content-Type: application/json\r\n#{type_header(failure)}"
      headers += "Lambda-Runtime-Function-XRay-Error-Cause: #{cause}\r\n" if cause.bytesize < MAX_XRAY_CAUSE_BYTES
      post(invocation, 'error', headers, failure.body)
    end

    def type_header(failure)
      "Lambda-Runtime-Function-Error-Type: #{failure.header_type}\r\n"
    end

    def length_header(body)
      "Content-Length: #{body.bytesize}\r\n"
    end

    def request(method, path, headers = '')
      "#{method} #{API}#{path} HTTP/1.1\r\nHost: #{@address}\r\n#{headers}\r\n".b
    end

    def send_all(data)
      # A child that the handler has forked, and that came back from it, must not answer too.
      exit! unless Process.pid == @pid

      @socket.write(data)
    rescue SystemCallError, IOError
      raise Closed
    end

    def read_answer
      head = line("\r\n\r\n")
      start, *lines = head.force_encoding(Encoding::UTF_8).split("\r\n")
      headers = lines.to_h do |header|
        name, value = header.split(':', 2)
        [name.downcase, value.strip]
      end
      status = start[9, 3].to_i
      return read_answer if status < 200 # an interim answer; the real one follows

      Answer.new(status, headers, read_body(headers).force_encoding(Encoding::UTF_8))
    rescue SystemCallError, IOError
      raise Closed
    end

    def read_body(headers)
      return bytes(headers['content-length'].to_i) unless headers['transfer-encoding'] == 'chunked'

      body = +''.b
      while (size = line("\r\n").to_i(16)).positive?
        body << bytes(size)
        line("\r\n")
      end
      nil until line("\r\n") == "\r\n"
      body
    end

    def line(ending)
      text = @socket.gets(ending)
      raise Closed unless text&.end_with?(ending)

      text
    end

    def bytes(size)
      data = @socket.read(size)
      raise Closed unless data.bytesize == size

      data
    end
  end
end
