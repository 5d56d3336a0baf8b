const express = require('express');
const serverless = require('serverless-http');

const app = express();
app.use(express.json());
app.use(express.urlencoded({ extended: true }));

app.get('/', (req, res) => res.send('root'));
app.get('/users/:id', (req, res) => res.json({
  id: req.params.id, query: req.query, ip: req.ip, cookie: req.get('Cookie'),
}));
app.post('/users', (req, res) => {
  res.cookie('first', '1').cookie('second', '2').status(201).json(req.body);
});
app.put('/form', (req, res) => res.json(req.body));
app.get('/pixel.png', (req, res) => res.type('png').send(Buffer.from([137, 80, 78, 71, 0, 255])));
app.get('/moved', (req, res) => res.redirect('/users/1'));
app.get('/broken', () => { throw new Error('on purpose'); });

module.exports.handler = serverless(app, { binary: ['image/*'] });
