# frozen_string_literal: true

require "json"
require "minitest/autorun"
require "open3"
require_relative "../src/app"

class HelloTest < Minitest::Test
  PROJECT = File.expand_path("..", __dir__)
  EVENT = JSON.parse(File.read("#{PROJECT}/events/upload.json"))

  def test_the_handler_alone
    response = nil
    assert_output(%r{photos/in/my cat\.jpg \(1024 bytes\)}) do
      response = handler(event: EVENT, context: nil)
    end
    assert_equal [{ bucket: "photos", key: "in/my cat.jpg", size: 1024 }], response[:objects]
  end

  def test_no_record_is_fine
    assert_equal({ message: "hello, world", objects: [] }, handler(event: {}, context: nil))
  end

  def test_in_a_local_lambda
    output, log, status = Open3.capture3(
      "lambdactl", "invoke", "hello", "-e", "events/upload.json", chdir: PROJECT
    )
    assert_predicate status, :success?, log
    assert_equal "hello, in/my cat.jpg", JSON.parse(output)["message"]
  end
end
