/* usage: node publish.js BOOTSTRAP TOPIC FILE - one record per line: key, tab, value; an empty key is none. */
import { readFileSync } from 'node:fs'
import kafkajs from 'kafkajs'

const BATCH = 500
const [bootstrap, topic, file] = process.argv.slice(2)
const { Kafka, Partitioners, logLevel } = kafkajs

const messages = readFileSync(file, 'utf8').trimEnd().split('\n').map((line) => {
  const tab = line.indexOf('\t')
  return { key: tab > 0 ? line.slice(0, tab) : null, value: line.slice(tab + 1) }
})
const kafka = new Kafka({ clientId: 'kafkajs', brokers: bootstrap.split(','), logLevel: logLevel.ERROR })
const producer = kafka.producer({
  createPartitioner: Partitioners.DefaultPartitioner, idempotent: true, maxInFlightRequests: 1,
})
await producer.connect()
for (let at = 0; at < messages.length; at += BATCH) {
  await producer.send({ topic, acks: -1, messages: messages.slice(at, at + BATCH) })
}
await producer.disconnect()
console.log(messages.length)
