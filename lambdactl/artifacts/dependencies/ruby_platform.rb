# Loaded into Bundler (-r): gems are chosen for Lambda's platform, whatever machine this is.
require "rubygems"

lambda_platform = Gem::Platform.new(ENV.fetch("LAMBDACTL_PLATFORM"))
Gem::Platform.define_singleton_method(:local) { |*| lambda_platform }
Gem.platforms = [Gem::Platform::RUBY, lambda_platform]
